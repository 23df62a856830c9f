"""
Where the recorded histories come from: tests of tests/orchestrators, by orchestrator and case.

`python -m tests.upgrade.record` runs these tests and keeps what their hosts went through.
"""

from __future__ import annotations

CASES: dict[str, dict[str, str]] = {
    "back_up_fleet": {
        "several": "test_night.py::test_the_record_of_a_night_is_true_for_every_service",
        "long": "test_night.py::test_the_history_of_a_night_does_not_grow_with_its_length",
        "storage-down": "test_night.py::test_storage_down_when_a_night_ends_delays_its_record",
        "tried-again": "test_fleet_trouble.py::"
        "test_a_backup_that_azure_failed_is_tried_twice_more_and_spaced",
        "start-failed": "test_fleet_trouble.py::test_a_start_that_fails_costs_only_its_own_service",
        "busy": "test_fleet_trouble.py::test_a_busy_service_is_refused_when_patience_ends",
        "not-planned": "test_night_starts.py::"
        "test_a_night_that_cannot_be_planned_fails_and_is_tried_again_once",
        "started-again": "test_night_starts.py::test_a_night_that_was_ended_by_hand_goes_on_where_it_stopped",
    },
    "back_up_service": {
        "succeeded": "test_backup.py::test_steps_come_in_their_order",
        "failed": "test_backup.py::test_the_verdict_of_azure_is_failed_with_its_code",
        "refused": "test_backup.py::test_a_missing_container_is_refused_without_a_post",
        "busy": "test_backup.py::test_a_busy_service_is_waited_for",
        "denied": "test_backup.py::test_a_poll_that_stays_forbidden_is_poll_denied",
        "deadline": "test_backup.py::test_still_running_at_the_deadline_is_outcome_unknown",
        "step-crashed": "test_backup.py::test_a_step_that_crashes_once_is_repeated",
        "step-given-up": "test_backup.py::test_a_step_that_always_crashes_is_given_up",
        "storage-down": "test_backup.py::test_storage_down_while_verifying_is_waited_for",
        "answer-lost": "test_one_post.py::test_an_answer_lost_after_the_effect_is_found_by_evidence",
        "post-repeated": "test_one_post.py::test_a_post_lost_before_the_effect_is_sent_again_after_the_grace",
        "pruning-repeated": "test_retention.py::test_pruning_that_meets_a_fault_is_repeated_and_ends_well",
        "lost": "test_watch.py::test_a_run_that_was_lost_while_it_was_verified_needs_no_location",
    },
    "poll_operation": {
        "hours": "test_backup.py::test_a_backup_of_five_hours_succeeds",
        "faults": "test_backup.py::test_an_hour_of_faults_of_the_read_is_survived",
        "crashed": "test_backup.py::test_a_poll_that_crashes_is_a_fault_of_the_read",
        "token-refused": "test_backup.py::test_a_refused_token_is_asked_for_anew",
        "denied": "test_backup.py::test_a_poll_that_stays_forbidden_is_poll_denied",
        "failed": "test_backup.py::test_the_verdict_of_azure_is_failed_with_its_code",
    },
    "restore_service": {
        "succeeded": "test_restore.py::test_steps_come_in_their_order",
        "differs": "test_restore.py::test_a_restore_that_differs_is_failed_and_names_the_entities",
        "failed": "test_restore.py::test_the_verdict_of_azure_is_failed_with_its_code",
        "refused": "test_restore.py::test_an_expired_point_is_refused",
        "busy": "test_restore.py::test_a_busy_target_is_waited_for",
        "deadline": "test_restore.py::test_still_running_at_the_deadline_is_outcome_unknown",
        "answer-lost": "test_restore.py::test_an_answer_lost_after_the_effect_is_found_by_evidence",
        "safety-backup": "test_safety_backup.py::test_the_target_is_backed_up_before_the_restore",
        "safety-backup-failed": "test_safety_backup.py::"
        "test_a_safety_backup_that_fails_ends_the_restore_as_refused",
        "replication": "test_replication.py::test_an_event_becomes_a_restore_and_a_replica",
        "drill": "test_drills.py::test_a_drill_restores_and_leaves_its_record",
        "lost": "test_watch.py::test_a_lost_restore_goes_on_where_it_stood",
    },
    "replicate_service": {
        "event": "test_replication.py::test_an_event_becomes_a_restore_and_a_replica",
        "busy": "test_replication.py::test_a_standby_busy_with_a_restore_of_ours_is_waited_for",
        "long": "test_replication.py::test_the_history_of_a_long_replication_is_bounded",
        "storage-down": "test_replication.py::test_storage_down_when_the_replica_is_recorded_delays_it",
        "replica-missing": "test_replication.py::test_a_restore_whose_replica_was_not_recorded_counts",
        "other-region": "test_replication.py::test_the_app_of_another_region_replicates_nothing",
        "copied": "test_replicated_copies.py::test_a_point_is_copied_and_its_copy_restored",
        "copy-failed": "test_replicated_copies.py::"
        "test_backups_that_do_not_answer_end_the_copying_for_an_hour",
        "in-sync": "test_held_back.py::test_an_equal_configuration_is_in_sync_without_a_restore",
        "held-back": "test_held_back.py::test_a_point_that_shrank_waits_for_an_operator",
        "differs": "test_held_back.py::test_a_restore_that_differs_is_tried_three_times",
        "blind": "test_replication_by_hand.py::test_a_look_that_cannot_be_made_is_said",
    },
    "wait_for_quiet": {
        "quiet": "test_changes.py::test_a_change_becomes_a_restore_point_through_the_whole_app",
        "deployment": "test_changes.py::test_a_deployment_is_one_backup_after_its_end",
        "needless": "test_changes.py::test_a_backup_of_the_timer_makes_one_for_changes_needless",
        "days": "test_changes.py::test_a_wait_of_days_ends_at_its_time",
    },
    "resolve_run": {
        "backup-good": "test_resolve.py::test_a_backup_that_ended_after_the_deadline_is_found_good",
        "backup-failed": "test_resolve.py::test_a_verdict_of_azure_is_failed_with_its_code",
        "still-running": "test_resolve.py::test_an_operation_that_still_runs_changes_nothing",
        "denied": "test_resolve.py::test_poll_denied_is_proven_by_the_blob_without_the_right",
        "no-blob": "test_resolve.py::"
        "test_no_location_no_blob_and_an_idle_service_after_the_deadline_is_failed",
        "storage-down": "test_resolve.py::test_storage_that_is_down_leaves_the_run_to_the_next_look",
        "restore-good": "test_resolve.py::test_a_restore_that_ended_after_the_deadline_is_compared",
        "restore-failed": "test_restore_evidence.py::"
        "test_a_verdict_of_azure_that_is_read_later_leaves_its_report",
        "replication-good": "test_resolve.py::test_a_replication_found_good_later_is_a_replica",
    },
    "export_usage": {
        "first": "test_usage.py::test_every_closed_day_of_every_report_lies_in_its_file",
        "hanging": "test_usage.py::test_a_service_that_hangs_holds_up_no_other",
        "no-roster": "test_usage.py::test_an_export_without_a_readable_roster_says_so_and_can_be_fired_again",
    },
    "export_service_usage": {
        "first": "test_usage.py::test_every_closed_day_of_every_report_lies_in_its_file",
        "long": "test_usage.py::test_a_long_first_export_does_not_grow_its_history",
        "refused": "test_usage.py::test_a_missing_right_costs_one_service_only_and_one_question",
        "report-failed": "test_usage.py::test_a_report_that_fails_leaves_the_other_reports",
        "throttled": "test_usage.py::test_throttling_is_waited_for",
        "no-watermark": "test_usage.py::test_a_watermark_that_cannot_be_read_fails_its_service_only",
    },
    "rebuild_catalog": {
        "whole": "test_retention.py::test_the_whole_catalogue_is_deleted_and_comes_back_equal",
        "one-failed": "test_retention.py::test_a_service_that_cannot_be_rebuilt_holds_up_no_other",
    },
    "drill_fleet": {
        "one": "test_drills.py::test_a_drill_restores_and_leaves_its_record",
        "several": "test_drills.py::test_different_targets_are_drilled_side_by_side",
        "storage-down": "test_drill_trouble.py::test_storage_that_does_not_answer_is_waited_for",
    },
    "drill_services": {
        "one": "test_drills.py::test_a_drill_restores_and_leaves_its_record",
        "shared-target": "test_drills.py::test_services_that_share_a_target_are_drilled_one_after_the_other",
        "busy": "test_drills.py::test_a_busy_target_is_waited_for",
        "stays-busy": "test_drills.py::test_a_target_that_stays_busy_refuses_the_drill",
        "failed": "test_drills.py::test_a_drill_that_azure_fails_is_recorded_with_azure_s_reason",
        "no-point": "test_drills.py::"
        "test_a_drill_without_a_usable_point_is_refused_and_tried_again_the_next_day",
        "standby": "test_standby_drills.py::test_the_point_that_the_standby_holds_is_restored_again",
    },
}

DOCUMENTS = {
    "test_backup.py::test_a_backup_whose_inventories_need_pieces_succeeds",
    "test_replication_by_hand.py::test_a_stop_reaches_a_replication_that_is_at_work",
    "test_unhandled.py::test_an_unreadable_message_fails_and_is_in_the_nights_record",
}
"""Tests that write documents which none of the above does."""
