from runward.testing.environments import EnvironmentsSuite


class TestEnvironments(EnvironmentsSuite):
    pass
