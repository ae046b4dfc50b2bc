"""Checks that go on after one that failed, so that a run shows them all: check(name, ok, detail), and sys.exit(status()) at the end."""
_failed = False


def check(name, ok, detail=""):
    global _failed
    if not ok:
        print(f"FAILED {name}: {detail}", flush=True)
        _failed = True


def status():
    return 1 if _failed else 0
