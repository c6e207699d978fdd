from runward.testing.coordination import CoordinationSuite


class TestCoordination(CoordinationSuite):
    pass
