{{/* What providers.yaml knows of `oauth2proxy.provider`, and the issuer. As YAML. */}}
{{- define "ghostwire.provider" -}}
{{- $given := .Values.oauth2proxy -}}
{{- $known := get (.Files.Get "providers.yaml" | fromYaml) $given.provider | default dict -}}
{{- $issuer := $given.issuer | default (get $known "issuer") | default "" -}}
{{- $result := dict
  "issuer" $issuer
  "shape" (get $known "shape" | default "")
  "shapeWords" (get $known "shapeWords" | default "")
  "noGroups" (get $known "noGroups" | default "")
-}}
{{- toYaml $result -}}
{{- end }}

{{/* The ports of the providers, taken from the issuers. As a YAML list. */}}
{{- define "ghostwire.issuerPorts" -}}
{{- $issuers := list (include "ghostwire.provider" . | fromYaml).issuer -}}
{{- range .Values.oauth2proxy.providers -}}
{{- $issuers = append $issuers (.issuer | default "") -}}
{{- end -}}
{{- $ports := list "443" -}}
{{- range $issuers -}}
{{- $ports = append $ports (regexFind ":[0-9]+$" (urlParse .).host | trimPrefix ":" | default "443") -}}
{{- end -}}
{{- toYaml ($ports | uniq) -}}
{{- end }}
