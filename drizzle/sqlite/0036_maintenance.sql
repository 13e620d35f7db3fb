ALTER TABLE `clusters` ADD `auto_upgrade` text;--> statement-breakpoint
ALTER TABLE `clusters` ADD `deprecated_apis` text;