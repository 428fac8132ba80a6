{{/* The preset of `oauth2proxy.provider` in providers.yaml, overridden by the values. As YAML. */}}
{{- define "ghostwire.provider" -}}
{{- $given := .Values.oauth2proxy -}}
{{- $known := get (.Files.Get "providers.yaml" | fromYaml) $given.provider | default dict -}}
{{- $issuer := $given.issuer | default (get $known "issuer") | default "" -}}
{{- $ownServer := get $known "ownServer" | default dict -}}
{{- if and $ownServer (regexMatch (get $ownServer "shape") $issuer) -}}
{{- $known = merge (omit $ownServer "shape") $known -}}
{{- end -}}
{{- $result := dict
  "issuer" $issuer
  "scopes" ($given.scopes | default (get $known "scopes") | default "openid profile email")
  "authorizationParams" (merge (dict) $given.authorizationParams (get $known "authorizationParams" | default dict))
  "groupsClaim" ($given.groupsClaim | default (get $known "groupsClaim") | default "groups")
  "emailVerified" ($given.emailVerified | default (get $known "emailVerified") | default "required")
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
