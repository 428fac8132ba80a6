{{/*
The IngressClass: the one from the values; else the cluster's only one, if the cluster can be asked. Empty: the cluster's
default class, which needs no name.
*/}}
{{- define "ghostwire.ingress.className" -}}
{{- if .Values.ingress.className -}}
{{- .Values.ingress.className -}}
{{- else -}}
{{- $classes := (lookup "networking.k8s.io/v1" "IngressClass" "" "").items | default list -}}
{{- $default := "" -}}
{{- range $classes -}}
{{- if eq (dig "metadata" "annotations" "ingressclass.kubernetes.io/is-default-class" "" .) "true" -}}{{- $default = .metadata.name -}}{{- end -}}
{{- end -}}
{{- if $default -}}
{{- $default -}}
{{- else if eq (len $classes) 1 -}}
{{- (first $classes).metadata.name -}}
{{- end -}}
{{- end -}}
{{- end }}

{{/*
The preset: the one from the values; else that of the class found in the cluster. The chart does not look up a class that
the values name, because not everybody who installs the chart may read ingress classes.
*/}}
{{- define "ghostwire.ingress.controller" -}}
{{- if or .Values.ingress.controller .Values.ingress.className -}}
{{- .Values.ingress.controller -}}
{{- else -}}
{{- with include "ghostwire.ingress.className" . -}}
{{- $class := lookup "networking.k8s.io/v1" "IngressClass" "" . | default dict -}}
{{- $known := dict
  "k8s.io/ingress-nginx" "ingress-nginx"
  "nginx.org/ingress-controller" "nginx"
  "traefik.io/ingress-controller" "traefik"
  "haproxy.org/ingress-controller/haproxy" "haproxy"
-}}
{{- get $known (dig "spec" "controller" "" $class) -}}
{{- end -}}
{{- end -}}
{{- end }}

{{/*
Annotations for each controller, so that streams stay open and uploads pass: long timeouts, no buffering, no size limit.
The gateway pings browsers every 30 seconds, so a timeout of an hour is more than enough.
*/}}
{{- define "ghostwire.ingress.annotations" -}}
{{- $controller := include "ghostwire.ingress.controller" . -}}
{{- $hasTls := not (empty .Values.gateway.tls.existingSecret) -}}
{{- $service := include "ghostwire.gateway.fullname" . -}}
{{- $external := .Values.oauth2proxy.external -}}
{{- $isExternal := not .Values.oauth2proxy.enabled -}}
{{- $preset := dict -}}
{{- if eq $controller "ingress-nginx" -}}
{{- $preset = dict
  "nginx.ingress.kubernetes.io/proxy-read-timeout" "3600"
  "nginx.ingress.kubernetes.io/proxy-send-timeout" "3600"
  "nginx.ingress.kubernetes.io/proxy-buffering" "off"
  "nginx.ingress.kubernetes.io/proxy-body-size" "0"
-}}
{{- if and $hasTls (not $isExternal) -}}{{- $_ := set $preset "nginx.ingress.kubernetes.io/backend-protocol" "HTTPS" -}}{{- end -}}
{{- if $isExternal -}}
{{- $_ := set $preset "nginx.ingress.kubernetes.io/auth-url" $external.authUrl -}}
{{- $_ := set $preset "nginx.ingress.kubernetes.io/auth-signin" $external.signInUrl -}}
{{- $_ := set $preset "nginx.ingress.kubernetes.io/auth-response-headers" "Authorization" -}}
{{- if ne .Values.desktop.tls.mode "off" -}}{{- $_ := set $preset "nginx.ingress.kubernetes.io/backend-protocol" "HTTPS" -}}{{- end -}}
{{- end -}}
{{- else if eq $controller "nginx" -}}
{{- $preset = dict
  "nginx.org/proxy-read-timeout" "1h"
  "nginx.org/proxy-send-timeout" "1h"
  "nginx.org/proxy-buffering" "False"
  "nginx.org/client-max-body-size" "0"
  "nginx.org/websocket-services" $service
-}}
{{- if $hasTls -}}{{- $_ := set $preset "nginx.org/ssl-services" $service -}}{{- end -}}
{{- else if eq $controller "traefik" -}}
{{- /* Traefik sets timeouts for each entry point, and none of them applies to upgraded connections. */ -}}
{{- $preset = dict
  "traefik.ingress.kubernetes.io/router.entrypoints" "websecure"
  "traefik.ingress.kubernetes.io/router.tls" "true"
-}}
{{- if $isExternal -}}{{- $_ := set $preset "traefik.ingress.kubernetes.io/router.middlewares" $external.middleware -}}{{- end -}}
{{- else if eq $controller "haproxy" -}}
{{- $preset = dict
  "haproxy.org/timeout-tunnel" "1h"
  "haproxy.org/timeout-server" "1h"
-}}
{{- if $hasTls -}}{{- $_ := set $preset "haproxy.org/server-ssl" "true" -}}{{- end -}}
{{- end -}}
{{- with .Values.ingress.certManager -}}
{{- if .clusterIssuer -}}{{- $_ := set $preset "cert-manager.io/cluster-issuer" .clusterIssuer -}}
{{- else if .issuer -}}{{- $_ := set $preset "cert-manager.io/issuer" .issuer -}}{{- end -}}
{{- end -}}
{{- toYaml (merge (dict) .Values.ingress.annotations $preset) -}}
{{- end }}

{{/* Hosts of the ingress: those from the values, else the public host. A list of {host, paths}. */}}
{{- define "ghostwire.ingress.hosts" -}}
{{- $hosts := list -}}
{{- range .Values.ingress.hosts | default (list (dict "host" (include "ghostwire.publicHost" .))) -}}
{{- $hosts = append $hosts (dict "host" .host "paths" (.paths | default (list (dict "path" "/" "pathType" "Prefix")))) -}}
{{- end -}}
{{- toYaml $hosts -}}
{{- end }}

{{- define "ghostwire.tlsSecretName" -}}
{{- .Values.certificate.secretName | default (printf "%s-tls" (include "ghostwire.fullname" .)) -}}
{{- end }}

{{/* `tls` of the ingress: from the values; else the Secret that cert-manager writes, if it issues a certificate. */}}
{{- define "ghostwire.ingress.tls" -}}
{{- $certManager := .Values.ingress.certManager -}}
{{- if .Values.ingress.tls -}}
{{- toYaml .Values.ingress.tls -}}
{{- else if or $certManager.clusterIssuer $certManager.issuer .Values.certificate.enabled -}}
{{- $hosts := list -}}
{{- range include "ghostwire.ingress.hosts" . | fromYamlArray -}}{{- $hosts = append $hosts .host -}}{{- end -}}
{{- toYaml (list (dict "secretName" (include "ghostwire.tlsSecretName" .) "hosts" $hosts)) -}}
{{- else -}}
[]
{{- end -}}
{{- end }}
