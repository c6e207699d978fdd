from runward.testing.forges import ForgesSuite


class TestForges(ForgesSuite):
    pass
