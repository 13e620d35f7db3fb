CREATE TABLE `audit_anchors` (
	`number` integer PRIMARY KEY NOT NULL,
	`hash` text,
	`purged_at` integer NOT NULL
);
--> statement-breakpoint
ALTER TABLE `audit` ADD `user_domain_name` text;--> statement-breakpoint
ALTER TABLE `audit` ADD `caller_project_id` text;--> statement-breakpoint
ALTER TABLE `audit` ADD `roles` text;--> statement-breakpoint
ALTER TABLE `audit` ADD `token_kind` text;--> statement-breakpoint
ALTER TABLE `audit` ADD `credential_id` text;--> statement-breakpoint
ALTER TABLE `audit` ADD `address` text;--> statement-breakpoint
ALTER TABLE `audit` ADD `forwarded_for` text;--> statement-breakpoint
ALTER TABLE `audit` ADD `user_agent` text;--> statement-breakpoint
ALTER TABLE `audit` ADD `input` text;--> statement-breakpoint
ALTER TABLE `audit` ADD `outcome` text;--> statement-breakpoint
ALTER TABLE `audit` ADD `operation_id` text;--> statement-breakpoint
ALTER TABLE `audit` ADD `error_code` text;--> statement-breakpoint
ALTER TABLE `audit` ADD `openstack_request_id` text;--> statement-breakpoint
ALTER TABLE `audit` ADD `hash` text;--> statement-breakpoint
CREATE INDEX `audit_project` ON `audit` (`project_id`,`number`);--> statement-breakpoint
CREATE INDEX `audit_user` ON `audit` (`user_id`,`number`);--> statement-breakpoint
CREATE TRIGGER `audit_never_changed` BEFORE UPDATE ON `audit` BEGIN SELECT raise(abort, 'the audit log is only added to'); END;--> statement-breakpoint
CREATE TRIGGER `audit_never_replaced` BEFORE INSERT ON `audit` WHEN EXISTS (SELECT 1 FROM `audit` WHERE `number` = NEW.`number`) BEGIN SELECT raise(abort, 'the audit log is only added to'); END;--> statement-breakpoint
CREATE TRIGGER `audit_kept` BEFORE DELETE ON `audit` WHEN OLD.`number` > (SELECT coalesce(max(`number`), 0) FROM `audit_anchors`) BEGIN SELECT raise(abort, 'only what an anchor stands for may leave the audit log'); END;--> statement-breakpoint
CREATE TRIGGER `audit_anchors_of_rows` BEFORE INSERT ON `audit_anchors` WHEN NOT EXISTS (SELECT 1 FROM `audit` WHERE `number` = NEW.`number` AND `hash` IS NEW.`hash`) BEGIN SELECT raise(abort, 'an anchor stands for a row of the audit log'); END;--> statement-breakpoint
CREATE TRIGGER `audit_anchors_never_changed` BEFORE UPDATE ON `audit_anchors` BEGIN SELECT raise(abort, 'anchors of the audit log stay as they are'); END;--> statement-breakpoint
CREATE TRIGGER `audit_anchors_kept` BEFORE DELETE ON `audit_anchors` BEGIN SELECT raise(abort, 'anchors of the audit log stay as they are'); END;
