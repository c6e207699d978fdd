from runward.testing.registry import RegistrySuite


class TestRegistry(RegistrySuite):
    pass
