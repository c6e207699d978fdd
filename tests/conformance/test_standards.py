from runward.testing.standards import StandardsSuite


class TestStandards(StandardsSuite):
    pass
