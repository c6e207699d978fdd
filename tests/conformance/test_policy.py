from runward.testing.policy import PolicySuite


class TestPolicy(PolicySuite):
    pass
