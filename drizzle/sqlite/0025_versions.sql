ALTER TABLE `clusters` ADD `running_version` text;--> statement-breakpoint
ALTER TABLE `node_groups` ADD `kubernetes_version` text;--> statement-breakpoint
ALTER TABLE `nodes` ADD `kubernetes_version` text;--> statement-breakpoint
UPDATE `clusters` SET `running_version` = json_extract(`spec`, '$.kubernetesVersion') WHERE `observed_generation` > 0;--> statement-breakpoint
UPDATE `nodes` SET `kubernetes_version` = (SELECT json_extract(`clusters`.`spec`, '$.kubernetesVersion') FROM `clusters` WHERE `clusters`.`id` = `nodes`.`cluster_id`);
