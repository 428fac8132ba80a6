{{/* Names of DNS, whatever the release and the alias of a parent are called. */}}

{{/* .text, or its beginning and a hash of all of it where it is longer than .length: two long names stay two. */}}
{{- define "ghostwire.shortened" -}}
{{- if gt (len .text) (int .length) -}}
{{- printf "%s-%s" (.text | trunc (sub .length 7 | int) | trimSuffix "-") (sha256sum .text | trunc 6) -}}
{{- else -}}
{{- .text -}}
{{- end -}}
{{- end }}

{{- define "ghostwire.name" -}}
{{- include "ghostwire.shortened" (dict "text" (.Values.nameOverride | default .Chart.Name | lower) "length" 40) -}}
{{- end }}

{{/*
What the names of all objects begin with. 40 characters leave room for `-namespace-labels` and what controllers append.
Only at the root does a release's name that contains the chart's stand for both: under a parent `sig` and `signal` would
become one.
*/}}
{{- define "ghostwire.fullname" -}}
{{- $name := include "ghostwire.name" . -}}
{{- $full := printf "%s-%s" .Release.Name $name -}}
{{- if .Values.fullnameOverride -}}
{{- $full = lower .Values.fullnameOverride -}}
{{- else if or (eq .Release.Name $name) (and .Chart.IsRoot (contains $name .Release.Name)) -}}
{{- $full = .Release.Name -}}
{{- end -}}
{{- include "ghostwire.shortened" (dict "text" $full "length" 40) -}}
{{- end }}

{{/* For a parent chart: `include "ghostwire.gateway.fullname" .Subcharts.signal`. */}}
{{- define "ghostwire.gateway.fullname" -}}
{{- include "ghostwire.fullname" . }}-gateway
{{- end }}

{{- define "ghostwire.desktop.fullname" -}}
{{- include "ghostwire.fullname" . }}-desktop
{{- end }}

{{/* The account of the pods of .component. Without `create` there is one for all, and somebody else has made it. */}}
{{- define "ghostwire.serviceAccountName" -}}
{{- $account := .ctx.Values.serviceAccount -}}
{{- if not $account.create -}}
{{- $account.name | default "default" -}}
{{- else if and $account.name (eq .component "gateway") -}}
{{- $account.name -}}
{{- else -}}
{{- printf "%s-%s" (include "ghostwire.fullname" .ctx) .component -}}
{{- end -}}
{{- end }}

{{/* Host of `gateway.publicUrl`, without a port; empty while that is no origin, which requirements.yaml tells. */}}
{{- define "ghostwire.publicHost" -}}
{{- if include "ghostwire.isOrigin" .Values.gateway.publicUrl -}}
{{- (urlParse .Values.gateway.publicUrl).hostname -}}
{{- end -}}
{{- end }}

{{- define "ghostwire.isOrigin" -}}
{{- if regexMatch "^https?://([a-z0-9.-]+|\\[[0-9a-f:.]+\\])(:[0-9]+)?/?$" . -}}true{{- end -}}
{{- end }}
