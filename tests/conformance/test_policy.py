from runward.testing.policy import PolicySuite
from runward.testing.purposes import PurposeSuite
from runward.testing.withheld import WithheldSuite


class TestPolicy(PolicySuite):
    pass


class TestPurposes(PurposeSuite):
    pass


class TestWithheld(WithheldSuite):
    pass
