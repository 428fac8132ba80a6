{{/* Whole seconds of a duration such as 90s or 1h30m. */}}
{{- define "ghostwire.seconds" -}}
{{- $seconds := dict "ms" 0 "s" 1 "m" 60 "h" 3600 "d" 86400 "w" 604800 "y" 31536000 -}}
{{- $sum := 0 -}}
{{- range regexFindAll "[0-9]+[a-z]+" . -1 -}}
{{- $sum = add $sum (mul (regexFind "^[0-9]+" . | int) (get $seconds (regexFind "[a-z]+$" .) | default 0)) -}}
{{- end -}}
{{- $sum -}}
{{- end }}
