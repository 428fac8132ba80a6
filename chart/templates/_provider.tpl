{{/* What providers.yaml knows of `oauth2proxy.provider`, and the issuer. As YAML. */}}
{{- define "ghostwire.provider" -}}
{{- $given := .Values.oauth2proxy -}}
{{- $known := get (.Files.Get "providers.yaml" | fromYaml) $given.provider | default dict -}}
{{- $issuer := $given.issuer | default (get $known "issuer") | default "" -}}
{{- $result := dict
  "issuer" $issuer
  "shape" (get $known "shape" | default "")
  "shapeWords" (get $known "shapeWords" | default "")
  "refusal" (get $known "refusal" | default "")
  "noGroups" (get $known "noGroups" | default "")
-}}
{{- toYaml $result -}}
{{- end }}

{{/* The provider's port, taken from the issuer. */}}
{{- define "ghostwire.issuerPort" -}}
{{- $issuer := (include "ghostwire.provider" . | fromYaml).issuer -}}
{{- regexFind ":[0-9]+$" (urlParse $issuer).host | trimPrefix ":" | default "443" -}}
{{- end }}
