"""Prints the public names of ipyparallel's user-facing classes as JSON: for each class those that it defines itself or overrides.

What ipyparallel inherits from Python's own concurrent.futures counts as its own; what comes from traitlets and IPython does not.
"""

import inspect
import json
from concurrent.futures import Executor, Future

import ipyparallel
from ipyparallel.client import asyncresult, magics, remotefunction, view
from ipyparallel.client.client import Client, Metadata
from ipyparallel.controller import dependency

CLASSES = {
    "Client": Client,
    "View": view.View,
    "DirectView": view.DirectView,
    "LoadBalancedView": view.LoadBalancedView,
    "BroadcastView": view.BroadcastView,
    "ViewExecutor": view.ViewExecutor,
    "AsyncResult": asyncresult.AsyncResult,
    "AsyncMapResult": asyncresult.AsyncMapResult,
    "AsyncHubResult": asyncresult.AsyncHubResult,
    "RemoteFunction": remotefunction.RemoteFunction,
    "ParallelFunction": remotefunction.ParallelFunction,
    "Dependency": dependency.Dependency,
    "dependent": dependency.dependent,
    "Reference": ipyparallel.Reference,
    "CompositeError": ipyparallel.CompositeError,
    "RemoteError": ipyparallel.RemoteError,
    "Cluster": ipyparallel.Cluster,
    "ClusterManager": ipyparallel.ClusterManager,
    "ParallelMagics": magics.ParallelMagics,
}

# Syntax that a user writes: client[0], view["a"] = 1, len(result), with cluster, function(x).
SYNTAX = ("__getitem__", "__setitem__", "__iter__", "__len__", "__getattr__", "__call__", "__enter__", "__aenter__")


def names_of(cls):
    owners = [base for base in cls.__mro__ if base.__module__.startswith("ipyparallel")]
    own = [cls] + [base for base in owners[1:] if base not in CLASSES.values()]
    own += [base for base in (Future, Executor) if base in cls.__bases__]
    found = {name for owner in own for name in vars(owner)}
    return sorted(name for name in found if not name.startswith("_") or name in SYNTAX)


def package_names():
    """What `import ipyparallel` gives, without modules and what came from elsewhere."""
    names = []
    for name, value in inspect.getmembers(ipyparallel):
        is_ours = getattr(value, "__module__", "").startswith(("ipyparallel", "concurrent.futures"))
        if not name.startswith("_") and not inspect.ismodule(value) and (is_ours or name.isupper()):
            names.append(name)
    return names


tables = {name: names_of(cls) for name, cls in CLASSES.items()}
tables["Metadata"] = sorted(Metadata())
tables["the package"] = package_names()
print(json.dumps(tables, indent=2))
