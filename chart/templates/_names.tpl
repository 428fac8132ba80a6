{{/* Valid DNS names for every name of the release and every alias in a parent chart. */}}

{{/* .text; if it is longer than .length, its beginning and a hash of the whole, so that two long names stay different. */}}
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
Prefix of all object names. 40 characters leave room for `-namespace-labels` and for what controllers append. A release
name that contains the chart's name is used alone only if this is the root chart: in a parent chart, the aliases `sig` and
`signal` would get the same names.
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

{{/*
Claim of the home directory. What a claim is made from cannot change, so a restored snapshot needs a claim of its own, and the one
before stays as it is.
*/}}
{{- define "ghostwire.desktop.claimName" -}}
{{- $own := printf "%s-home" (include "ghostwire.desktop.fullname" .) -}}
{{- with .Values.persistence -}}
{{- .existingClaim | default (empty .restoreFrom | ternary $own (printf "%s-%s" $own (sha256sum .restoreFrom | trunc 6))) -}}
{{- end -}}
{{- end }}

{{/* Service account of the pods of .component. Without `create`, all pods share one existing account. */}}
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

{{/* Host of `gateway.publicUrl`, without a port. Empty if that is not an origin; requirements.yaml reports that. */}}
{{- define "ghostwire.publicHost" -}}
{{- if include "ghostwire.isOrigin" .Values.gateway.publicUrl -}}
{{- (urlParse .Values.gateway.publicUrl).hostname -}}
{{- end -}}
{{- end }}

{{- define "ghostwire.isOrigin" -}}
{{- if regexMatch "^https?://([a-z0-9.-]+|\\[[0-9a-f:.]+\\])(:[0-9]+)?/?$" . -}}true{{- end -}}
{{- end }}
