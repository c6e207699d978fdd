from runward.testing.data import DataSuite


class TestData(DataSuite):
    pass
