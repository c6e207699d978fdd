from runward.testing.health import HealthSuite


class TestHealth(HealthSuite):
    pass
