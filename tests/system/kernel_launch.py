"""
Jupyter's kernel manager starts an engine of ours from a kernelspec: it chooses ports and key, restarts it, and ends it. The argument is the
kernelspec's argv as JSON.
"""
import json
import os
import sys
import tempfile

from jupyter_client import KernelManager
from jupyter_client.kernelspec import KernelSpecManager

with tempfile.TemporaryDirectory() as folder:
    os.environ["JUPYTER_RUNTIME_DIR"] = folder
    os.mkdir(os.path.join(folder, "engine"))
    spec = {"argv": json.loads(sys.argv[1]), "display_name": "engine", "language": "typescript", "interrupt_mode": "message"}
    with open(os.path.join(folder, "engine", "kernel.json"), "w") as file:
        json.dump(spec, file)
    specs = KernelSpecManager(kernel_dirs=[folder], ensure_native_kernel=False)
    manager = KernelManager(kernel_name="engine", kernel_spec_manager=specs, connection_file=os.path.join(folder, "kernel-1.json"))
    manager.start_kernel()
    try:
        client = manager.blocking_client()
        client.start_channels()
        client.wait_for_ready(timeout=30)
        first = manager.provisioner.pid

        def value(code):
            found = []
            reply = client.execute_interactive(code, timeout=20, output_hook=lambda m: found.append(m))["content"]
            assert reply["status"] == "ok", reply
            return [m["content"]["data"]["text/plain"] for m in found if m["msg_type"] == "execute_result"]

        assert value("var kept = 1; kept") == ["1"]
        waiting = client.execute("await new Promise(() => {})")
        while client.get_iopub_msg(timeout=20)["msg_type"] != "execute_input":
            pass
        manager.interrupt_kernel()
        while True:
            reply = client.get_shell_msg(timeout=20)
            if reply["parent_header"]["msg_id"] == waiting:
                break
        assert reply["content"]["ename"] == "KeyboardInterrupt", reply
        assert value("kept") == ["1"]
        manager.restart_kernel()
        client.wait_for_ready(timeout=30)
        assert manager.provisioner.pid != first
        assert value("typeof kept") == ['"undefined"']
        client.stop_channels()
    finally:
        manager.shutdown_kernel()
    assert not manager.is_alive()
print("all of it worked")
