from runward.testing.organise import OrganiseSuite


class TestOrganise(OrganiseSuite):
    pass
