{{/* Settings of the gateway (docs/configuration.md of the project). Secrets are files that these settings name and the Deployment mounts. */}}

{{/* Files from Secrets that the gateway reads: file name → {secret, key}. As YAML. */}}
{{- define "ghostwire.gateway.secretFiles" -}}
{{- $gateway := .Values.gateway -}}
{{- $own := include "ghostwire.gateway.fullname" . -}}
{{- $files := dict
  "session-secret" (dict
    "secret" ($gateway.session.existingSecret | default $own)
    "key" ($gateway.session.existingSecret | empty | ternary "session-secret" $gateway.session.existingSecretKey))
  "desktop-password" (dict
    "secret" (include "ghostwire.desktop.secretName" .)
    "key" (include "ghostwire.desktop.secretKey" .))
-}}
{{- with .Values.oauth2proxy -}}
{{- if .existingSecret -}}
{{- $_ := set $files "client-secret" (dict "secret" .existingSecret "key" .existingSecretKey) -}}
{{- else if .clientSecret -}}
{{- $_ := set $files "client-secret" (dict "secret" $own "key" "client-secret") -}}
{{- end -}}
{{- with .privateKeySecret -}}
{{- $_ := set $files "client.pem" (dict "secret" . "key" $.Values.oauth2proxy.privateKeySecretKey) -}}
{{- end -}}
{{- range .providers -}}
{{- if .existingSecret -}}
{{- $file := printf "client-secret-%s" (.name | default .preset | default "oidc") -}}
{{- $_ := set $files $file (dict "secret" .existingSecret "key" (.existingSecretKey | default "client-secret")) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- with $gateway.adminApi -}}
{{- if .enabled -}}
{{- $_ := set $files "admin-token" (dict
  "secret" (.existingSecret | default $own)
  "key" (.existingSecret | empty | ternary "admin-token" .existingSecretKey)) -}}
{{- end -}}
{{- end -}}
{{- with $gateway.tls.existingSecret -}}
{{- $_ := set $files "tls.crt" (dict "secret" . "key" "tls.crt") -}}
{{- $_ := set $files "tls.key" (dict "secret" . "key" "tls.key") -}}
{{- end -}}
{{- if eq .Values.desktop.tls.mode "secret" -}}
{{- $_ := set $files "desktop-ca.crt" (dict "secret" .Values.desktop.tls.existingSecret "key" "ca.crt") -}}
{{- end -}}
{{- toYaml $files -}}
{{- end }}

{{/* Files from ConfigMaps that the gateway reads: file name → {configMap, key}. */}}
{{- define "ghostwire.gateway.caFiles" -}}
{{- $files := dict -}}
{{- with .Values.oauth2proxy.caConfigMap -}}
{{- $_ := set $files "provider-ca.crt" (dict "configMap" . "key" $.Values.oauth2proxy.caConfigMapKey) -}}
{{- end -}}
{{- with .Values.sessionStore.redis.caConfigMap -}}
{{- $_ := set $files "store-ca.crt" (dict "configMap" . "key" $.Values.sessionStore.redis.caConfigMapKey) -}}
{{- end -}}
{{- toYaml $files -}}
{{- end }}

{{- define "ghostwire.desktop.secretName" -}}
{{- .Values.desktop.auth.existingSecret | default (include "ghostwire.desktop.fullname" .) -}}
{{- end }}

{{- define "ghostwire.desktop.secretKey" -}}
{{- .Values.desktop.auth.existingSecret | empty | ternary "password" .Values.desktop.auth.existingSecretKey -}}
{{- end }}

{{/* gateway.yaml: `gateway.config`, and the settings that other objects must agree with. */}}
{{- define "ghostwire.gateway.settings" -}}
{{- $gateway := .Values.gateway -}}
{{- $access := .Values.oauth2proxy -}}
{{- $provider := include "ghostwire.provider" . | fromYaml -}}
{{- $secrets := "/run/secrets/ghostwire" -}}
{{- $secretFiles := include "ghostwire.gateway.secretFiles" . | fromYaml -}}
{{- $caFiles := include "ghostwire.gateway.caFiles" . | fromYaml -}}

{{- $oidc := dict "issuer" $provider.issuer "clientId" $access.clientId -}}
{{- if ne $access.provider "oidc" -}}{{- $_ := set $oidc "preset" $access.provider -}}{{- end -}}
{{- with $access.scopes -}}{{- $_ := set $oidc "scopes" . -}}{{- end -}}
{{- with $access.groupsClaim -}}{{- $_ := set $oidc "groupsClaim" . -}}{{- end -}}
{{- with $access.emailVerified -}}{{- $_ := set $oidc "emailVerified" . -}}{{- end -}}
{{- with $access.authorizationParams -}}{{- $_ := set $oidc "authorizationParams" . -}}{{- end -}}
{{- with $access.clientAuth -}}{{- $_ := set $oidc "clientAuth" . -}}{{- end -}}
{{- if hasKey $secretFiles "client-secret" -}}{{- $_ := set $oidc "clientSecretFile" (printf "%s/client-secret" $secrets) -}}{{- end -}}
{{- if hasKey $secretFiles "client.pem" -}}{{- $_ := set $oidc "privateKeyFile" (printf "%s/client.pem" $secrets) -}}{{- end -}}
{{- if hasKey $caFiles "provider-ca.crt" -}}{{- $_ := set $oidc "caFile" "/etc/ghostwire/provider-ca.crt" -}}{{- end -}}

{{- $list := list -}}
{{- range $access.providers -}}
{{- $one := omit . "existingSecret" "existingSecretKey" -}}
{{- if .existingSecret -}}
{{- $_ := set $one "clientSecretFile" (printf "%s/client-secret-%s" $secrets (.name | default .preset | default "oidc")) -}}
{{- end -}}
{{- $list = append $list $one -}}
{{- end -}}

{{- $session := dict "secretFile" (printf "%s/session-secret" $secrets) -}}
{{- if eq .Values.sessionStore.type "sqlite" -}}{{- $_ := set $session "store" "sqlite:/var/lib/ghostwire/sessions.db" -}}{{- end -}}
{{- if hasKey $caFiles "store-ca.crt" -}}{{- $_ := set $session "storeCaFile" "/etc/ghostwire/store-ca.crt" -}}{{- end -}}

{{- $desktop := dict "url" (include "ghostwire.desktop.url" .) -}}
{{- $password := printf "%s/desktop-password" $secrets -}}
{{- with .Values.desktop.auth -}}
{{- $_ := set $desktop "username" .username -}}
{{- $_ := set $desktop "passwordFile" $password -}}
{{- with .viewerUsername -}}{{- $_ := set $desktop "viewer" (dict "username" . "passwordFile" $password) -}}{{- end -}}
{{- with .ownerUsername -}}{{- $_ := set $desktop "owner" (dict "username" . "passwordFile" $password) -}}{{- end -}}
{{- end -}}
{{- if eq .Values.desktop.tls.mode "secret" -}}
{{- $_ := set $desktop "tls" (dict "caFile" (printf "%s/desktop-ca.crt" $secrets)) -}}
{{- else if eq .Values.desktop.tls.mode "image" -}}
{{- $_ := set $desktop "tls" (dict "insecure" true) -}}
{{- end -}}

{{- $settings := dict
  "publicUrl" $gateway.publicUrl
  "listen" (printf ":%d" (int $gateway.ports.http))
  "adminListen" (printf ":%d" (int $gateway.ports.admin))
  "oidc" (empty $list | ternary $oidc $list)
  "session" $session
  "desktop" $desktop
-}}
{{- with $gateway.trustedProxies -}}{{- $_ := set $settings "trustedProxies" . -}}{{- end -}}
{{- with include "ghostwire.gateway.adminHosts" . | fromYamlArray -}}{{- $_ := set $settings "adminHosts" . -}}{{- end -}}
{{- if hasKey $secretFiles "admin-token" -}}{{- $_ := set $settings "adminTokenFile" (printf "%s/admin-token" $secrets) -}}{{- end -}}
{{- if hasKey $secretFiles "tls.crt" -}}
{{- $_ := set $settings "tls" (dict "certFile" (printf "%s/tls.crt" $secrets) "keyFile" (printf "%s/tls.key" $secrets)) -}}
{{- end -}}
{{- with $access.allowed -}}
{{- with .groups -}}{{- $_ := set $settings "allowGroups" . -}}{{- end -}}
{{- with .emails -}}{{- $_ := set $settings "allowEmails" . -}}{{- end -}}
{{- with .emailDomains -}}{{- $_ := set $settings "allowEmailDomains" . -}}{{- end -}}
{{- with .anyone -}}{{- $_ := set $settings "allowAnyone" . -}}{{- end -}}
{{- end -}}
{{- with $access.viewers -}}
{{- with .groups -}}{{- $_ := set $settings "viewGroups" . -}}{{- end -}}
{{- with .emails -}}{{- $_ := set $settings "viewEmails" . -}}{{- end -}}
{{- end -}}
{{- with $access.rules -}}{{- $_ := set $settings "access" . -}}{{- end -}}
{{- toYaml (mergeOverwrite (deepCopy $gateway.config) $settings) -}}
{{- end }}

{{/*
Host names of the admin Service, and those in `gateway.config`. Probes and Prometheus need none, because they use the pod's address.
*/}}
{{- define "ghostwire.gateway.adminHosts" -}}
{{- $hosts := .Values.gateway.config.adminHosts | default list -}}
{{- if kindIs "string" $hosts -}}{{- $hosts = splitList "," $hosts -}}{{- end -}}
{{- if or .Values.servicemonitor.enabled .Values.gateway.adminApi.enabled -}}
{{- $name := printf "%s-admin" (include "ghostwire.gateway.fullname" .) -}}
{{- $inNamespace := printf "%s.%s" $name .Release.Namespace -}}
{{- $hosts = concat $hosts (list $name $inNamespace (printf "%s.svc" $inNamespace) (printf "%s.svc.cluster.local" $inNamespace)) -}}
{{- end -}}
{{- toYaml $hosts -}}
{{- end }}

{{/* With the namespace, so that certificates can contain the name, and DNS search domains cannot resolve it to another service. */}}
{{- define "ghostwire.desktop.url" -}}
{{- $scheme := eq .Values.desktop.tls.mode "off" | ternary "http" "https" -}}
{{- printf "%s://%s.%s.svc:%d" $scheme (include "ghostwire.desktop.fullname" .) .Release.Namespace (int .Values.desktop.port) -}}
{{- end }}

{{/*
Settings that the chart writes itself: path in `gateway.config` → the value to use instead. This includes everything below a path.
*/}}
{{- define "ghostwire.gateway.ownedSettings" -}}
publicUrl: gateway.publicUrl
listen: gateway.ports.http
adminListen: gateway.ports.admin
adminToken: gateway.adminApi
adminTokenFile: gateway.adminApi
trustedProxies: gateway.trustedProxies
tls: gateway.tls
access: oauth2proxy.rules
allowGroups: oauth2proxy.allowed.groups
allowEmails: oauth2proxy.allowed.emails
allowEmailDomains: oauth2proxy.allowed.emailDomains
allowAnyone: oauth2proxy.allowed.anyone
viewGroups: oauth2proxy.viewers.groups
viewEmails: oauth2proxy.viewers.emails
oidc.preset: oauth2proxy.provider
oidc.issuer: oauth2proxy.issuer
oidc.clientId: oauth2proxy.clientId
oidc.clientSecret: oauth2proxy.existingSecret
oidc.clientSecretFile: oauth2proxy.existingSecret
oidc.clientAuth: oauth2proxy.clientAuth
oidc.privateKeyFile: oauth2proxy.privateKeySecret
oidc.scopes: oauth2proxy.scopes
oidc.authorizationParams: oauth2proxy.authorizationParams
oidc.groupsClaim: oauth2proxy.groupsClaim
oidc.emailVerified: oauth2proxy.emailVerified
oidc.caFile: oauth2proxy.caConfigMap
session.secret: gateway.session
session.secretFile: gateway.session
session.store: sessionStore
session.storeCaFile: sessionStore.redis.caConfigMap
desktop.url: desktop
desktop.username: desktop.auth.username
desktop.password: desktop.auth
desktop.passwordFile: desktop.auth
desktop.viewer: desktop.auth.viewerUsername
desktop.owner: desktop.auth.ownerUsername
desktop.tls: desktop.tls
{{- end }}
