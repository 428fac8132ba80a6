{{/* Parts of the backup's CronJobs. */}}

{{- define "ghostwire.backup.fullname" -}}
{{- include "ghostwire.fullname" . }}-backup
{{- end }}

{{/* A folder on the claim, and not an address. */}}
{{- define "ghostwire.backup.isLocal" -}}
{{- if regexMatch "^/backup(/|$)" .Values.backup.destination -}}true{{- end -}}
{{- end }}

{{- define "ghostwire.backup.secretName" -}}
{{- .Values.backup.passwordSecret | default (include "ghostwire.backup.fullname" .) -}}
{{- end }}

{{- define "ghostwire.backup.secretKey" -}}
{{- .Values.backup.passwordSecret | empty | ternary "password" .Values.backup.passwordSecretKey -}}
{{- end }}

{{/* The port in the destination; else that of its scheme. */}}
{{- define "ghostwire.backup.port" -}}
{{- $destination := .Values.backup.destination -}}
{{- regexFind ":[0-9]+(/|$)" $destination | trimPrefix ":" | trimSuffix "/" | default (contains "http://" $destination | ternary "80" "443") -}}
{{- end }}

{{/*
Only the node that a ReadWriteOnce claim is attached to can mount it again: that of the desktop's pod. A desktop that does
not run holds the claim nowhere.
*/}}
{{- define "ghostwire.backup.affinity" -}}
{{- if and (gt (int .Values.desktop.replicas) 0) (not (has "ReadWriteMany" .Values.persistence.accessModes)) -}}
podAffinity:
  requiredDuringSchedulingIgnoredDuringExecution:
    - topologyKey: kubernetes.io/hostname
      labelSelector:
        matchLabels:
          {{- include "ghostwire.selectorLabels" (dict "ctx" . "component" "desktop") | nindent 10 }}
{{- end -}}
{{- end }}

{{/* Rules of `restic forget`. */}}
{{- define "ghostwire.backup.keep" -}}
{{- with .Values.backup -}}
{{- $keep := list (printf "--keep-within %dd" (int .retention)) -}}
{{- range $unit := list "daily" "weekly" "monthly" -}}
{{- with int (get $.Values.backup (printf "keep%s" (title $unit))) -}}
{{- $keep = append $keep (printf "--keep-%s %d" $unit .) -}}
{{- end -}}
{{- end -}}
{{- join " " $keep -}}
{{- end -}}
{{- end }}

{{- define "ghostwire.backup.env" -}}
{{- $env := dict
  "RESTIC_REPOSITORY" .Values.backup.destination
  "RESTIC_PASSWORD_FILE" "/run/secrets/backup/password"
  "RESTIC_CACHE_DIR" "/tmp/cache"
  "HOME" "/tmp"
  "TMPDIR" "/tmp"
  "BACKUP_HOST" (printf "%s.%s" (include "ghostwire.fullname" .) .Release.Namespace)
  "BACKUP_KEEP" (include "ghostwire.backup.keep" .)
  "BACKUP_EXCLUDE" (join "\n" .Values.backup.exclude)
  "VERIFY_READ" .Values.backup.verify.readData
-}}
{{- if .Values.backup.caConfigMap -}}{{- $_ := set $env "RESTIC_CACERT" "/etc/backup/ca.crt" -}}{{- end -}}
{{- toYaml $env -}}
{{- end }}
