{{/* The only template that generates random values. */}}

{{/*
Base64 of a secret's value: the one from the values; else the one in the cluster from an earlier install; else a new one.
.secret: name of the Secret; .key; .given: the value from the values; .length of a new one.
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
