package main

import (
	"testing"

	"vault-plugin-secrets-processmaker/test/upkeep"

	"vault-plugin-secrets-processmaker/test/passwords"

	"vault-plugin-secrets-processmaker/test/credentials"

	"vault-plugin-secrets-processmaker/test/upgrade"

	"vault-plugin-secrets-processmaker/test/load"

	"vault-plugin-secrets-processmaker/test/leaks"

	"vault-plugin-secrets-processmaker/test/hostile"

	"vault-plugin-secrets-processmaker/test/faults"

	"vault-plugin-secrets-processmaker/test/cluster"
)

func TestNoSessionOutlivesTheConfigItBeganUnder(t *testing.T) {
	cluster.NoSessionOutlivesTheConfigItBeganUnder(t, thisMount)
}
func TestNoCredentialSlipsPastALeavingConfig(t *testing.T) {
	cluster.NoCredentialSlipsPastALeavingConfig(t, thisMount)
}
func TestARefusedLeavingKeepsTheClient(t *testing.T) {
	cluster.ARefusedLeavingKeepsTheClient(t, thisMount)
}
func TestAnOldNodeRemovesNoConfigOfTheNewOne(t *testing.T) {
	cluster.AnOldNodeRemovesNoConfigOfTheNewOne(t, thisMount)
}
func TestAnOldNodeReplacesNothingThatTheNewOneWrote(t *testing.T) {
	cluster.AnOldNodeReplacesNothingThatTheNewOneWrote(t, thisMount)
}
func TestACredentialThatIsHandedOverMeanwhileIsNotCalledEnded(t *testing.T) {
	cluster.ACredentialThatIsHandedOverMeanwhileIsNotCalledEnded(t, thisMount)
}
func TestAnOldNodeForgetsNothingThatWasRenewedSince(t *testing.T) {
	cluster.AnOldNodeForgetsNothingThatWasRenewedSince(t, thisMount)
}
func TestAnOldNodeHandsNothingOverThatWasRenewedSince(t *testing.T) {
	cluster.AnOldNodeHandsNothingOverThatWasRenewedSince(t, thisMount)
}
func TestAnOldNodeEndsNoSessionThatWasRenewedSince(t *testing.T) {
	cluster.AnOldNodeEndsNoSessionThatWasRenewedSince(t, thisMount)
}
func TestWhatIsForgottenWhileItIsLoadedStaysForgotten(t *testing.T) {
	cluster.WhatIsForgottenWhileItIsLoadedStaysForgotten(t, thisMount)
}
func TestTwoNodesRefreshOneCredential(t *testing.T) {
	cluster.TwoNodesRefreshOneCredential(t, thisMount)
}
func TestTwoNodesRefreshInTheSameMoment(t *testing.T) {
	cluster.TwoNodesRefreshInTheSameMoment(t, thisMount)
}
func TestAnOldNodeDoubtsNothingThatWasRenewedSince(t *testing.T) {
	cluster.AnOldNodeDoubtsNothingThatWasRenewedSince(t, thisMount)
}
func TestTwoNodesRenewOneSession(t *testing.T) { cluster.TwoNodesRenewOneSession(t, thisMount) }
func TestWhatAnotherNodeChangedIsForgotten(t *testing.T) {
	cluster.WhatAnotherNodeChangedIsForgotten(t, thisMount)
}
func TestAnOldNodeLeavesAPasswordAloneThatWasRotatedSince(t *testing.T) {
	cluster.AnOldNodeLeavesAPasswordAloneThatWasRotatedSince(t, thisMount)
}
func TestADeletedSessionStaysDeleted(t *testing.T) { cluster.ADeletedSessionStaysDeleted(t, thisMount) }
func TestADeletedSessionOfAPasswordStartsAnew(t *testing.T) {
	cluster.ADeletedSessionOfAPasswordStartsAnew(t, thisMount)
}
func TestRenewingADeletedSessionBeginsNone(t *testing.T) {
	cluster.RenewingADeletedSessionBeginsNone(t, thisMount)
}
func TestALostSessionIsLostForWhoUsedItToo(t *testing.T) {
	cluster.ALostSessionIsLostForWhoUsedItToo(t, thisMount)
}
func TestALateReaderDoesNotReplaceANewUsersSession(t *testing.T) {
	cluster.ALateReaderDoesNotReplaceANewUsersSession(t, thisMount)
}
func TestALateReaderDoesNotUseANewUsersSession(t *testing.T) {
	cluster.ALateReaderDoesNotUseANewUsersSession(t, thisMount)
}
func TestWhatWasEndedDuringAFailedRotationIsNotServed(t *testing.T) {
	cluster.WhatWasEndedDuringAFailedRotationIsNotServed(t, thisMount)
}
func TestASharedCredentialWithoutARecordIsNotServed(t *testing.T) {
	cluster.ASharedCredentialWithoutARecordIsNotServed(t, thisMount)
}
func TestALateReaderSharesNoFormerUsersCredential(t *testing.T) {
	cluster.ALateReaderSharesNoFormerUsersCredential(t, thisMount)
}

func TestHandlersMayBeKilledAnywhere(t *testing.T) { faults.HandlersMayBeKilledAnywhere(t, thisMount) }
func TestFailedMintingLeavesNothing(t *testing.T)  { faults.FailedMintingLeavesNothing(t, thisMount) }
func TestAFailedRecordMintsNothing(t *testing.T)   { faults.AFailedRecordMintsNothing(t, thisMount) }
func TestAFailedSessionWriteEndsIt(t *testing.T)   { faults.AFailedSessionWriteEndsIt(t, thisMount) }
func TestAReaderOfAPersonalTokenWhoGoesAwayLeavesNothing(t *testing.T) {
	faults.AReaderOfAPersonalTokenWhoGoesAwayLeavesNothing(t, thisMount)
}
func TestRefreshFailures(t *testing.T) { faults.RefreshFailures(t, thisMount) }
func TestAfterAFailedWriteTheNextRenewalLogsIn(t *testing.T) {
	faults.AfterAFailedWriteTheNextRenewalLogsIn(t, thisMount)
}
func TestARenewalWhoseWritesAllFailKeepsTheOldTokenKnown(t *testing.T) {
	faults.ARenewalWhoseWritesAllFailKeepsTheOldTokenKnown(t, thisMount)
}
func TestEveryAnswerMayBeConfused(t *testing.T) { faults.EveryAnswerMayBeConfused(t, thisMount) }
func TestEveryExchangeIsConfused(t *testing.T)  { faults.EveryExchangeIsConfused(t, thisMount) }
func TestEveryExchangeMayFailInEveryWay(t *testing.T) {
	faults.EveryExchangeMayFailInEveryWay(t, thisMount)
}
func TestUpstreamTroubleAtIssue(t *testing.T)      { faults.UpstreamTroubleAtIssue(t, thisMount) }
func TestPasswordGrantSwitchedOff(t *testing.T)    { faults.PasswordGrantSwitchedOff(t, thisMount) }
func TestAWrongPasswordCostsOneLogin(t *testing.T) { faults.AWrongPasswordCostsOneLogin(t, thisMount) }

func TestALookUpSaysWhatItCouldNotRead(t *testing.T) {
	hostile.ALookUpSaysWhatItCouldNotRead(t, thisMount)
}
func TestALookUpSaysThatStorageFailed(t *testing.T) {
	hostile.ALookUpSaysThatStorageFailed(t, thisMount)
}
func TestForeignTokensOfDamagedRecords(t *testing.T) {
	hostile.ForeignTokensOfDamagedRecords(t, thisMount)
}
func TestADamagedRecordHidesNoAnswer(t *testing.T) { hostile.ADamagedRecordHidesNoAnswer(t, thisMount) }
func TestADamagedSessionOfAFormerRoleCanBeDeleted(t *testing.T) {
	hostile.ADamagedSessionOfAFormerRoleCanBeDeleted(t, thisMount)
}
func TestASessionCanBeDeletedWithoutItsRole(t *testing.T) {
	hostile.ASessionCanBeDeletedWithoutItsRole(t, thisMount)
}
func TestADamagedSharedCredentialOfAFormerRoleGoes(t *testing.T) {
	hostile.ADamagedSharedCredentialOfAFormerRoleGoes(t, thisMount)
}
func TestADamagedSharedCredentialIsReplaced(t *testing.T) {
	hostile.ADamagedSharedCredentialIsReplaced(t, thisMount)
}
func TestADamagedRecordCanBeForgotten(t *testing.T) {
	hostile.ADamagedRecordCanBeForgotten(t, thisMount)
}
func TestForceForgetsNothingElse(t *testing.T) { hostile.ForceForgetsNothingElse(t, thisMount) }
func TestARestoredRecordIsNoTroubleAnyMore(t *testing.T) {
	hostile.ARestoredRecordIsNoTroubleAnyMore(t, thisMount)
}
func TestADroppedRecordIsNotSharedAnyMore(t *testing.T) {
	hostile.ADroppedRecordIsNotSharedAnyMore(t, thisMount)
}
func TestHostileFields(t *testing.T)               { hostile.HostileFields(t, thisMount) }
func TestHostileLeases(t *testing.T)               { hostile.HostileLeases(t, thisMount) }
func TestALeaseThatNamesNoCredential(t *testing.T) { hostile.ALeaseThatNamesNoCredential(t, thisMount) }
func TestLeasesOfNoKnownKind(t *testing.T)         { hostile.LeasesOfNoKnownKind(t, thisMount) }
func TestHostileNames(t *testing.T)                { hostile.HostileNames(t, thisMount) }
func TestNamesThatLeadUpAreRefused(t *testing.T)   { hostile.NamesThatLeadUpAreRefused(t, thisMount) }
func TestOddNamesLiveBesideEachOther(t *testing.T) { hostile.OddNamesLiveBesideEachOther(t, thisMount) }
func TestDamagedEntries(t *testing.T)              { hostile.DamagedEntries(t, thisMount) }
func TestDamagedRecords(t *testing.T)              { hostile.DamagedRecords(t, thisMount) }
func TestDamagedCursorsAndSignIns(t *testing.T)    { hostile.DamagedCursorsAndSignIns(t, thisMount) }
func TestValuesThatCouldBeMisread(t *testing.T)    { hostile.ValuesThatCouldBeMisread(t, thisMount) }

func TestNoSecretLeaksAnywhere(t *testing.T)  { leaks.NoSecretLeaksAnywhere(t, thisMount) }
func TestCanariesAreFound(t *testing.T)       { leaks.CanariesAreFound(t, thisMount) }
func TestReadersFillNoLogAtInfo(t *testing.T) { leaks.ReadersFillNoLogAtInfo(t, thisMount) }
func TestLinesAboutACredentialSayWhere(t *testing.T) {
	leaks.LinesAboutACredentialSayWhere(t, thisMount)
}
func TestEachEndIsOneLine(t *testing.T) { leaks.EachEndIsOneLine(t, thisMount) }
func TestTheEndOfASharedCredentialIsOneLine(t *testing.T) {
	leaks.TheEndOfASharedCredentialIsOneLine(t, thisMount)
}

func TestReadersDoNotWaitForRevocations(t *testing.T) {
	load.ReadersDoNotWaitForRevocations(t, thisMount)
}
func TestManyLeasesExpireTogether(t *testing.T) { load.ManyLeasesExpireTogether(t, thisMount) }
func TestWatchersNeverSpin(t *testing.T)        { load.WatchersNeverSpin(t, thisMount) }

func TestTheStoredFormIsKept(t *testing.T)      { upgrade.TheStoredFormIsKept(t, thisMount, version) }
func TestEntriesOfEarlierReleases(t *testing.T) { upgrade.EntriesOfEarlierReleases(t, thisMount) }

func TestATunedMountLimitsNewLeases(t *testing.T) {
	credentials.ATunedMountLimitsNewLeases(t, thisMount)
}
func TestATokenOnItsWayIsNotTakenForDead(t *testing.T) {
	credentials.ATokenOnItsWayIsNotTakenForDead(t, thisMount)
}
func TestATokenOfALostAnswerIsLookedForUntilItIsCertain(t *testing.T) {
	credentials.ATokenOfALostAnswerIsLookedForUntilItIsCertain(t, thisMount)
}
func TestPersonalTokensComeFromOneSession(t *testing.T) {
	credentials.PersonalTokensComeFromOneSession(t, thisMount)
}
func TestPersonalTokensCosts(t *testing.T) { credentials.PersonalTokensCosts(t, thisMount) }
func TestManyFirstReadsOfAPersonalRoleSignInOnce(t *testing.T) {
	credentials.ManyFirstReadsOfAPersonalRoleSignInOnce(t, thisMount)
}
func TestARefusedSessionIsRenewed(t *testing.T) { credentials.ARefusedSessionIsRenewed(t, thisMount) }
func TestManyReadsRenewARefusedSessionOnce(t *testing.T) {
	credentials.ManyReadsRenewARefusedSessionOnce(t, thisMount)
}
func TestAnyoneCanHaveTheTokenOfTheirOwnUser(t *testing.T) {
	credentials.AnyoneCanHaveTheTokenOfTheirOwnUser(t, thisMount)
}
func TestPersonalRoleRefusals(t *testing.T) { credentials.PersonalRoleRefusals(t, thisMount) }
func TestALostLeasesPersonalTokenIsFoundByItsName(t *testing.T) {
	credentials.ALostLeasesPersonalTokenIsFoundByItsName(t, thisMount)
}
func TestAnAnswerThatIsNoListEndsNoSearch(t *testing.T) {
	credentials.AnAnswerThatIsNoListEndsNoSearch(t, thisMount)
}
func TestAPersonalTokensLeaseWithoutDataIsStillRevoked(t *testing.T) {
	credentials.APersonalTokensLeaseWithoutDataIsStillRevoked(t, thisMount)
}
func TestRevokingPersonalTokensOfADeletedRole(t *testing.T) {
	credentials.RevokingPersonalTokensOfADeletedRole(t, thisMount)
}
func TestATokenOfAnotherUserThanItsRecordSaid(t *testing.T) {
	credentials.ATokenOfAnotherUserThanItsRecordSaid(t, thisMount)
}
func TestARoleThatIsGivenAnotherUserWhileAReaderWaits(t *testing.T) {
	credentials.ARoleThatIsGivenAnotherUserWhileAReaderWaits(t, thisMount)
}
func TestADoubtfulTokenIsNotAnsweredAgain(t *testing.T) {
	credentials.ADoubtfulTokenIsNotAnsweredAgain(t, thisMount)
}
func TestDoubtOutlivesTheProcess(t *testing.T) { credentials.DoubtOutlivesTheProcess(t, thisMount) }
func TestAThrottledRefreshAsksWhetherTheTokenLives(t *testing.T) {
	credentials.AThrottledRefreshAsksWhetherTheTokenLives(t, thisMount)
}
func TestOnlyAnOutageIsHandedOver(t *testing.T) { credentials.OnlyAnOutageIsHandedOver(t, thisMount) }
func TestNothingIsHandedOverByAMountThatGoes(t *testing.T) {
	credentials.NothingIsHandedOverByAMountThatGoes(t, thisMount)
}
func TestALongOutageHandsRevocationsOverToTheLedger(t *testing.T) {
	credentials.ALongOutageHandsRevocationsOverToTheLedger(t, thisMount)
}
func TestALoginOfTheEnginesOwnIsNeverUnknown(t *testing.T) {
	credentials.ALoginOfTheEnginesOwnIsNeverUnknown(t, thisMount)
}
func TestASignInIsNeverUnknown(t *testing.T) { credentials.ASignInIsNeverUnknown(t, thisMount) }

func TestStorageTroubleAtAnyStepLeavesWorkingRoles(t *testing.T) {
	passwords.StorageTroubleAtAnyStepLeavesWorkingRoles(t, thisMount)
}
func TestACrashAtAnyStepLeavesWorkingRoles(t *testing.T) {
	passwords.ACrashAtAnyStepLeavesWorkingRoles(t, thisMount)
}
func TestTroubleAtAnyExchangeLeavesWorkingRoles(t *testing.T) {
	passwords.TroubleAtAnyExchangeLeavesWorkingRoles(t, thisMount)
}
func TestALoginTakesTheNewPasswordOver(t *testing.T) {
	passwords.ALoginTakesTheNewPasswordOver(t, thisMount)
}
func TestTheWorkerTakesTheNewPasswordOver(t *testing.T) {
	passwords.TheWorkerTakesTheNewPasswordOver(t, thisMount)
}
func TestASecondaryLeavesAnOpenChangeToThePrimary(t *testing.T) {
	passwords.ASecondaryLeavesAnOpenChangeToThePrimary(t, thisMount)
}
func TestTheNextRotationTakesTheNewPasswordOver(t *testing.T) {
	passwords.TheNextRotationTakesTheNewPasswordOver(t, thisMount)
}
func TestARoleThatCannotBeWrittenIssuesAllTheSame(t *testing.T) {
	passwords.ARoleThatCannotBeWrittenIssuesAllTheSame(t, thisMount)
}
func TestAnOpenChangeThatDidNotHappenIsForgotten(t *testing.T) {
	passwords.AnOpenChangeThatDidNotHappenIsForgotten(t, thisMount)
}
func TestAnOperatorsPasswordEndsAnOpenChange(t *testing.T) {
	passwords.AnOperatorsPasswordEndsAnOpenChange(t, thisMount)
}
func TestReadsDuringARotation(t *testing.T) { passwords.ReadsDuringARotation(t, thisMount) }
func TestALoginThatARotationOvertakes(t *testing.T) {
	passwords.ALoginThatARotationOvertakes(t, thisMount)
}
func TestWritesOfTheRoleDuringARotation(t *testing.T) {
	passwords.WritesOfTheRoleDuringARotation(t, thisMount)
}
func TestAFailedRotationSaysNothingSecret(t *testing.T) {
	passwords.AFailedRotationSaysNothingSecret(t, thisMount)
}
func TestAStrangersEntryIsNotTaken(t *testing.T) { passwords.AStrangersEntryIsNotTaken(t, thisMount) }
func TestABuiltInPasswordIsStoredAsItIs(t *testing.T) {
	passwords.ABuiltInPasswordIsStoredAsItIs(t, thisMount)
}
func TestAPasswordPolicyIsTriedWhenItIsWritten(t *testing.T) {
	passwords.APasswordPolicyIsTriedWhenItIsWritten(t, thisMount)
}

func TestAConfigWrittenWhileAnotherIsRemovedStays(t *testing.T) {
	upkeep.AConfigWrittenWhileAnotherIsRemovedStays(t, thisMount)
}
func TestThePeriodicFunctionDoesNotWaitForProcessMaker(t *testing.T) {
	upkeep.ThePeriodicFunctionDoesNotWaitForProcessMaker(t, thisMount)
}
func TestADisabledMountLeavesNothingAlive(t *testing.T) {
	upkeep.ADisabledMountLeavesNothingAlive(t, thisMount)
}
func TestWhatADisabledMountCannotEndIsLogged(t *testing.T) {
	upkeep.WhatADisabledMountCannotEndIsLogged(t, thisMount)
}
func TestSessionsThatADisabledMountCannotEndAreLogged(t *testing.T) {
	upkeep.SessionsThatADisabledMountCannotEndAreLogged(t, thisMount)
}
func TestAMovedMountLivesOn(t *testing.T) { upkeep.AMovedMountLivesOn(t, thisMount) }
func TestARequestFromBeforeTheTaintLeavesNothing(t *testing.T) {
	upkeep.ARequestFromBeforeTheTaintLeavesNothing(t, thisMount)
}
func TestSessionsOfADisabledMountEndTogether(t *testing.T) {
	upkeep.SessionsOfADisabledMountEndTogether(t, thisMount)
}
func TestACleanupDoesNotWaitForProcessMaker(t *testing.T) {
	upkeep.ACleanupDoesNotWaitForProcessMaker(t, thisMount)
}
func TestAReloadedPluginEndsNothing(t *testing.T) { upkeep.AReloadedPluginEndsNothing(t, thisMount) }
func TestAMoveIsRefusedWhileASessionLives(t *testing.T) {
	upkeep.AMoveIsRefusedWhileASessionLives(t, thisMount)
}
func TestADeletedConfigLeavesNoSessionBehind(t *testing.T) {
	upkeep.ADeletedConfigLeavesNoSessionBehind(t, thisMount)
}
func TestWhatALostLeaseLeavesIsEndedAtItsDeadline(t *testing.T) {
	upkeep.WhatALostLeaseLeavesIsEndedAtItsDeadline(t, thisMount)
}
func TestTokensPutDownAsDueAreEndedAtTheNextTick(t *testing.T) {
	upkeep.TokensPutDownAsDueAreEndedAtTheNextTick(t, thisMount)
}
func TestAnOutageAtTheDeadlineHealsByItself(t *testing.T) {
	upkeep.AnOutageAtTheDeadlineHealsByItself(t, thisMount)
}
func TestTheFirstTickAfterAnOutageEndsAllThatIsDue(t *testing.T) {
	upkeep.TheFirstTickAfterAnOutageEndsAllThatIsDue(t, thisMount)
}
func TestOneStubbornCredentialHoldsUpNoOther(t *testing.T) {
	upkeep.OneStubbornCredentialHoldsUpNoOther(t, thisMount)
}
func TestARestartedSweeperGoesOnFromItsCursor(t *testing.T) {
	upkeep.ARestartedSweeperGoesOnFromItsCursor(t, thisMount)
}
func TestAClockThatRanAheadLeavesNothingOut(t *testing.T) {
	upkeep.AClockThatRanAheadLeavesNothingOut(t, thisMount)
}
func TestATicksCostDoesNotDependOnHowManyLive(t *testing.T) {
	upkeep.ATicksCostDoesNotDependOnHowManyLive(t, thisMount)
}
func TestSweepingStopsWithTheMount(t *testing.T) { upkeep.SweepingStopsWithTheMount(t, thisMount) }
func TestNoSweepWhereStorageIsNotOurs(t *testing.T) {
	upkeep.NoSweepWhereStorageIsNotOurs(t, thisMount)
}
func TestTidy(t *testing.T) { upkeep.Tidy(t, thisMount) }
func TestEndingARoleReadsManyRecordsAtATime(t *testing.T) {
	upkeep.EndingARoleReadsManyRecordsAtATime(t, thisMount)
}
func TestEndingARoleAfterAnOutage(t *testing.T) { upkeep.EndingARoleAfterAnOutage(t, thisMount) }
func TestTheSessionOfADeletedUser(t *testing.T) { upkeep.TheSessionOfADeletedUser(t, thisMount) }
func TestASessionOutlivesARefusedAuthClient(t *testing.T) {
	upkeep.ASessionOutlivesARefusedAuthClient(t, thisMount)
}
func TestARenewedSessionIsGivenTimeToo(t *testing.T) {
	upkeep.ARenewedSessionIsGivenTimeToo(t, thisMount)
}
func TestEventsOfALife(t *testing.T) { upkeep.EventsOfALife(t, thisMount) }
func TestEventsOfSessionsAndSharedCredentials(t *testing.T) {
	upkeep.EventsOfSessionsAndSharedCredentials(t, thisMount)
}
func TestEventsSayWhatWasChanged(t *testing.T) { upkeep.EventsSayWhatWasChanged(t, thisMount) }
func TestHostsWithoutEventsAreLeftAlone(t *testing.T) {
	upkeep.HostsWithoutEventsAreLeftAlone(t, thisMount)
}
func TestEditionsWithoutEventsGetNone(t *testing.T) {
	upkeep.EditionsWithoutEventsGetNone(t, thisMount)
}
func TestASlowHostLosesEventsNotReaders(t *testing.T) {
	upkeep.ASlowHostLosesEventsNotReaders(t, thisMount)
}
func TestAPanickingHostIsSurvived(t *testing.T) { upkeep.APanickingHostIsSurvived(t, thisMount) }

func TestARefreshThatIsCarriedOutLateIsAskedAbout(t *testing.T) {
	faults.ARefreshThatIsCarriedOutLateIsAskedAbout(t, thisMount)
}
func TestATokenStaysUncertainUntilProcessMakerHadItsTime(t *testing.T) {
	faults.ATokenStaysUncertainUntilProcessMakerHadItsTime(t, thisMount)
}
func TestAGatewaysErrorKeepsTheTokenForAWhile(t *testing.T) {
	faults.AGatewaysErrorKeepsTheTokenForAWhile(t, thisMount)
}
func TestAServerErrorOfAMintingHasTwoReasons(t *testing.T) {
	faults.AServerErrorOfAMintingHasTwoReasons(t, thisMount)
}
func TestAReaderThatGoesAwayLeavesADueRecord(t *testing.T) {
	faults.AReaderThatGoesAwayLeavesADueRecord(t, thisMount)
}

func TestEveryTokenOfANameIsEnded(t *testing.T) { credentials.EveryTokenOfANameIsEnded(t, thisMount) }
func TestATokenWithoutANameIsEndedOnceItIsOld(t *testing.T) {
	credentials.ATokenWithoutANameIsEndedOnceItIsOld(t, thisMount)
}
func TestAMountWithoutAMaximumIssuesNothing(t *testing.T) {
	credentials.AMountWithoutAMaximumIssuesNothing(t, thisMount)
}
func TestAMintingThatOutlastsItsLeaseIssuesNothing(t *testing.T) {
	credentials.AMintingThatOutlastsItsLeaseIssuesNothing(t, thisMount)
}

func TestALeaseEndsBeforeTheDeadlineOfASlowMinting(t *testing.T) {
	credentials.ALeaseEndsBeforeTheDeadlineOfASlowMinting(t, thisMount)
}
func TestALookupThatTheRolesUserMayNotMake(t *testing.T) {
	credentials.ALookupThatTheRolesUserMayNotMake(t, thisMount)
}
func TestAnUnseenPairIsCountedOnce(t *testing.T) { credentials.AnUnseenPairIsCountedOnce(t, thisMount) }
func TestADoubtLastsFromTheLastRefresh(t *testing.T) {
	credentials.ADoubtLastsFromTheLastRefresh(t, thisMount)
}
func TestALeasesFormerTokenSaysNothing(t *testing.T) {
	hostile.ALeasesFormerTokenSaysNothing(t, thisMount)
}
func TestAMissingUserIsNamed(t *testing.T) { credentials.AMissingUserIsNamed(t, thisMount) }
func TestALookupIsNotNeededForOthersToBeEnded(t *testing.T) {
	credentials.ALookupIsNotNeededForOthersToBeEnded(t, thisMount)
}

func TestABrokenConnectionDoesNotEndTheDrain(t *testing.T) {
	upkeep.ABrokenConnectionDoesNotEndTheDrain(t, thisMount)
}
func TestTheWayBackFromAnotherURLIsOpen(t *testing.T) {
	upkeep.TheWayBackFromAnotherURLIsOpen(t, thisMount)
}

func TestADamagedRecordDoesNotKeepATokenAlive(t *testing.T) {
	hostile.ADamagedRecordDoesNotKeepATokenAlive(t, thisMount)
}
func TestForceDropsARecordThatNobodyCanLookUp(t *testing.T) {
	hostile.ForceDropsARecordThatNobodyCanLookUp(t, thisMount)
}

func TestAPasswordIsRotatedBySchedule(t *testing.T) {
	passwords.APasswordIsRotatedBySchedule(t, thisMount)
}

func TestAFailedScheduleIsToldAndTriedAnHourLater(t *testing.T) {
	passwords.AFailedScheduleIsToldAndTriedAnHourLater(t, thisMount)
}

func TestAScheduleNeedsAUserOfItsOwn(t *testing.T) {
	passwords.AScheduleNeedsAUserOfItsOwn(t, thisMount)
}

func TestAScheduleCutOffAtAnyStepLeavesAWorkingRole(t *testing.T) {
	passwords.AScheduleCutOffAtAnyStepLeavesAWorkingRole(t, thisMount)
}

func TestATwinIsRefusedWhereverATokenBegins(t *testing.T) {
	credentials.ATwinIsRefusedWhereverATokenBegins(t, thisMount)
}
func TestARefusedTwinIsRememberedAndCured(t *testing.T) {
	credentials.ARefusedTwinIsRememberedAndCured(t, thisMount)
}
func TestWhereTwinsAreAcceptedTheyAreHandedOut(t *testing.T) {
	credentials.WhereTwinsAreAcceptedTheyAreHandedOut(t, thisMount)
}
func TestATwinThatIsRefusedLaterIsNotCalledEnded(t *testing.T) {
	credentials.ATwinThatIsRefusedLaterIsNotCalledEnded(t, thisMount)
}
func TestARenewalAnswersNoTwin(t *testing.T) {
	credentials.ARenewalAnswersNoTwin(t, thisMount)
}
func TestATrialThatFailsLeavesTheTokenKnown(t *testing.T) {
	credentials.ATrialThatFailsLeavesTheTokenKnown(t, thisMount)
}
func TestARenewalWhoseTrialFailsKeepsThePair(t *testing.T) {
	credentials.ARenewalWhoseTrialFailsKeepsThePair(t, thisMount)
}
func TestATwinSignsInNowhere(t *testing.T) {
	credentials.ATwinSignsInNowhere(t, thisMount)
}
func TestASessionThatBecomesATwinIsNotCalledADeletedUsers(t *testing.T) {
	credentials.ASessionThatBecomesATwinIsNotCalledADeletedUsers(t, thisMount)
}
func TestAPersonalTwinIsEndedByTheSession(t *testing.T) {
	credentials.APersonalTwinIsEndedByTheSession(t, thisMount)
}
func TestAPersonalTwinThatCouldNotBeEndedIsDue(t *testing.T) {
	credentials.APersonalTwinThatCouldNotBeEndedIsDue(t, thisMount)
}
func TestAPersonalTwinThatIsRefusedLaterIsEndedByTheSession(t *testing.T) {
	credentials.APersonalTwinThatIsRefusedLaterIsEndedByTheSession(t, thisMount)
}
func TestATwinWithoutARefreshTokenStaysDue(t *testing.T) {
	credentials.ATwinWithoutARefreshTokenStaysDue(t, thisMount)
}
func TestATwinOnTrialIsNeverUnknown(t *testing.T) {
	credentials.ATwinOnTrialIsNeverUnknown(t, thisMount)
}
func TestPassport13SaysWhatIsWrong(t *testing.T) { faults.Passport13SaysWhatIsWrong(t, thisMount) }
func TestEveryWriteMayFailAlone(t *testing.T)    { faults.EveryWriteMayFailAlone(t, thisMount) }
func TestTheBreakerMayBeOpen(t *testing.T)       { faults.TheBreakerMayBeOpen(t, thisMount) }
func TestTheClockMayBePutBack(t *testing.T)      { faults.TheClockMayBePutBack(t, thisMount) }
func TestAListHoldsNothingElseUp(t *testing.T) {
	faults.AListHoldsNothingElseUp(t, thisMount)
}
func TestEveryExchangeMayBeCarriedOutLate(t *testing.T) {
	faults.EveryExchangeMayBeCarriedOutLate(t, thisMount)
}

func TestARefusedTwinIsNotAnsweredLater(t *testing.T) {
	credentials.ARefusedTwinIsNotAnsweredLater(t, thisMount)
}
