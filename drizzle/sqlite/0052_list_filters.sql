CREATE INDEX `audit_action` ON `audit` (`action`,`number`);--> statement-breakpoint
CREATE INDEX `audit_error` ON `audit` (`error_code`,`number`) WHERE error_code is not null;--> statement-breakpoint
CREATE INDEX `audit_target` ON `audit` (`target_id`,`number`) WHERE target_id is not null;--> statement-breakpoint
CREATE INDEX `audit_operation` ON `audit` (`operation_id`) WHERE operation_id is not null;--> statement-breakpoint
CREATE INDEX `audit_request` ON `audit` (`request_id`) WHERE request_id is not null;--> statement-breakpoint
CREATE INDEX `audit_openstack_request` ON `audit` (`openstack_request_id`) WHERE openstack_request_id is not null;--> statement-breakpoint
CREATE INDEX `events_at` ON `events` (`stream_id`,`at`);--> statement-breakpoint
CREATE INDEX `events_subject` ON `events` (`stream_id`,`subject_id`,`number`);--> statement-breakpoint
CREATE INDEX `events_operation` ON `events` (`operation_id`,`number`) WHERE operation_id is not null;--> statement-breakpoint
CREATE INDEX `events_problem` ON `events` (`stream_id`,`number`) WHERE problem is not null;