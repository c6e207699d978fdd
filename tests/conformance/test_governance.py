from runward.testing.governance import GovernanceSuite


class TestGovernance(GovernanceSuite):
    pass
