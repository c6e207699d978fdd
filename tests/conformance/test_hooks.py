from runward.testing.hooks import HooksSuite


class TestHooks(HooksSuite):
    pass
