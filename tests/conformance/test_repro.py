from runward.testing.repro import ReproSuite


class TestRepro(ReproSuite):
    pass
