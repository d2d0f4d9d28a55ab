"""
A Deno notebook against a running cluster, by Jupyter's own client: each function is a check, run by its name. Arguments: the folder of kernel specs, the
notebook to run, names of checks. One line of JSON for each check on stdout. With TSPARALLEL_KEEP set, the notebook is written anew with its outputs.
"""
import json
import os
import sys
import time
import traceback

SPECS, NOTEBOOK = sys.argv[1], sys.argv[2]
os.environ.update(JUPYTER_PATH=SPECS, JUPYTER_DATA_DIR=SPECS, JUPYTER_RUNTIME_DIR=f"{SPECS}/runtime", NO_COLOR="1")

from jupyter_client.manager import start_new_kernel

PATIENCE = 15
CONNECT = 'import { Client } from "../src/client/client.ts";\nconst client = await Client.connect();\nawait client.waitForEngines(2)'
SLOW = "client.loadBalanced().map((n: number) => new Promise<number>((r) => setTimeout(() => r(n), %d)), [1, 2, 3, 4])"


class Kernel:
    def __init__(self):
        self.manager, self.client = start_new_kernel(
            kernel_name="tsparallel-deno", cwd=os.path.dirname(NOTEBOOK), startup_timeout=PATIENCE
        )

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)

    def run(self, code, is_all=lambda shown: True):
        """Runs a cell: its reply, and what it showed. Deno tells a cell's value now and then after the cell's end, so `is_all` says what else is to come."""
        msg_id = self.client.execute(code)
        shown, is_idle, until = [], False, time.monotonic() + PATIENCE
        while not (is_idle and is_all(shown)):
            assert time.monotonic() < until, f"too long: {code} {shown}"
            message = self.client.get_iopub_msg(timeout=PATIENCE)
            if message["parent_header"].get("msg_id") != msg_id:
                continue
            kind, content = message["msg_type"], message["content"]
            if kind == "status":
                is_idle = content["execution_state"] == "idle"
            elif kind == "error":
                is_all = lambda shown: True
            elif kind != "execute_input":
                shown.append((kind, content))
        return self.reply(msg_id), shown

    def ok(self, code):
        """Its value as text."""
        reply, shown = self.run(code, lambda shown: any(kind == "execute_result" for kind, _ in shown))
        assert reply["status"] == "ok", reply
        return next(c["data"]["text/plain"] for kind, c in shown if kind == "execute_result")

    def reply(self, msg_id):
        while True:
            message = self.client.get_shell_msg(timeout=PATIENCE)
            if message["parent_header"].get("msg_id") == msg_id:
                return message["content"]

    def shows(self, msg_id):
        """Waits until a cell has shown something."""
        while True:
            message = self.client.get_iopub_msg(timeout=PATIENCE)
            if message["msg_type"] == "display_data" and message["parent_header"].get("msg_id") == msg_id:
                return message["content"]


def equal(got, wanted):
    assert got == wanted, f"{got!r} is not {wanted!r}"


def work_and_progress():
    with Kernel() as kernel:
        equal(kernel.ok(CONNECT), "[ 0, 1 ]")
        equal(kernel.ok("await client.loadBalanced().map((n: number) => n * n, [1, 2, 3])"), "[ 1, 4, 9 ]")
        reply, shown = kernel.run(
            f"const slow = {SLOW % 300};\nawait slow.waitInteractive();",
            lambda shown: len(shown) > 2 and shown[-1][1]["data"]["text/plain"].startswith("map: 4/4"),
        )
        equal(reply["status"], "ok")
        displays = [(kind, content) for kind, content in shown if kind.endswith("display_data")]
        equal(displays[0][0], "display_data")
        assert len(displays) > 2 and all(kind == "update_display_data" for kind, _ in displays[1:]), displays
        equal(len({content["transient"]["display_id"] for _, content in displays}), 1)
        assert displays[0][1]["data"]["text/plain"].startswith("map: 0/4"), displays[0]
        assert displays[-1][1]["data"]["text/plain"].startswith("map: 4/4"), displays[-1]
        assert 'value="4"' in displays[-1][1]["data"]["text/html"], displays[-1]
        equal(kernel.ok("await slow"), "[ 1, 2, 3, 4 ]")


def readable_errors():
    with Kernel() as kernel:
        kernel.ok(CONNECT)
        reply, shown = kernel.run('await client.direct("all").apply(() => { throw new RangeError("oh no"); })')
        equal((reply["status"], reply["ename"]), ("error", "CompositeError"))
        for words in ("2 errors", "[engine 0] RangeError: oh no", "[engine 1] RangeError: oh no"):
            assert words in reply["evalue"], reply["evalue"]
        reply, _ = kernel.run('await client.direct(1).apply(() => { throw new RangeError("oh no"); })')
        equal((reply["ename"], reply["evalue"]), ("RemoteError", "[engine 1, apply] RangeError: oh no"))
        reply, _ = kernel.run("client.direct(9)")
        equal(reply["evalue"], "Cannot use engine 9: the registered ones are 0, 1")


def interrupts():
    with Kernel() as kernel:
        kernel.ok(CONNECT)
        kernel.ok("let done = false; const never = client.direct(0).apply(() => new Promise(() => setInterval(() => {}, 1000))); 0")
        msg_id = kernel.client.execute("await never.waitInteractive()")
        kernel.shows(msg_id)
        kernel.manager.interrupt_kernel()
        reply = kernel.reply(msg_id)
        equal((reply["status"], reply["ename"]), ("error", "AbortError"))
        assert "interrupted" in reply["evalue"], reply
        equal(kernel.ok("client.pending"), "1")
        equal(kernel.ok('await never.cancel("enough"); await never.catch((error) => error.name)'), '"TaskCancelled"')


def the_example():
    with open(NOTEBOOK, encoding="utf8") as file:
        book = json.load(file)
    with Kernel() as kernel:
        for count, cell in enumerate((cell for cell in book["cells"] if cell["cell_type"] == "code"), 1):
            count_wanted = len(lasting(cell["outputs"]))
            results = lambda shown: sum(kind in ("execute_result", "stream") for kind, _ in shown)
            reply, shown = kernel.run("".join(cell["source"]), lambda shown: results(shown) >= count_wanted)
            assert reply["status"] == "ok", reply
            outputs = [output(kind, content, count) for kind, content in shown if kind != "update_display_data"]
            for kind, content in shown:
                if kind == "update_display_data":
                    next(o for o in outputs if o["output_type"] == "display_data")["data"] = content["data"]
            if "TSPARALLEL_KEEP" not in os.environ:
                equal(lasting(outputs), lasting(cell["outputs"]))
            cell.update(outputs=outputs, execution_count=count)
    if "TSPARALLEL_KEEP" in os.environ:
        with open(NOTEBOOK, "w", encoding="utf8") as file:
            json.dump(book, file, indent=1, ensure_ascii=False)
            file.write("\n")


def output(kind, content, count):
    if kind == "stream":
        return {"output_type": "stream", "name": content["name"], "text": [content["text"]]}
    more = {"execution_count": count} if kind == "execute_result" else {}
    return {"output_type": kind, "data": content["data"], "metadata": {}, **more}


def lasting(outputs):
    """What is the same each time: no progress."""
    return [o.get("text") or o["data"] for o in outputs if o["output_type"] != "display_data"]


for name in sys.argv[3:]:
    try:
        globals()[name]()
        error = None
    except BaseException:
        error = traceback.format_exc()
    print(json.dumps({"name": name, "error": error}), flush=True)
