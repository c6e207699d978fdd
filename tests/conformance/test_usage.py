from runward.testing.usage import UsageSuite


class TestUsage(UsageSuite):
    pass
