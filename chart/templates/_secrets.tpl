{{/* The only place where anything is random. */}}

{{/*
Base64 of a secret's value: the given one; else the one a former install has left in the cluster; else a new one.
.secret: name of the Secret; .key; .given; .length of a new one.
*/}}
{{- define "ghostwire.secretValue" -}}
{{- $found := lookup "v1" "Secret" .ctx.Release.Namespace .secret -}}
{{- $kept := dig "data" .key "" ($found | default dict) -}}
{{- if .given -}}
{{- .given | b64enc -}}
{{- else if $kept -}}
{{- $kept -}}
{{- else if .ctx.Values.secrets.generate -}}
{{- randAlphaNum (int .length) | b64enc -}}
{{- end -}}
{{- end }}
