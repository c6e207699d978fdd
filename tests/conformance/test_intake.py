from runward.testing.intake import IntakeSuite


class TestIntake(IntakeSuite):
    pass
