{{/* The image that `helm test` lets a node pull through the cache; empty where the chart can't know
the registry's host, or where nodes import nothing and only you know what is cached. An image of ours in an ECR registry gives what `config.registry` leaves open. */}}
{{- define "pullthrough.pullImage" -}}
{{- if .Values.test.pull.image }}
{{- .Values.test.pull.image }}
{{- else }}
{{- $host := include "pullthrough.registryHost" . }}
{{- $prefix := include "pullthrough.pausePrefix" . }}
{{- if and $host $prefix (not (include "pullthrough.onlyCached" .)) }}
{{- printf "%s/%s/pause:3.10" $host $prefix }}
{{- end }}
{{- end }}
{{- end }}

{{/* Hosts as src/core/image/ecr_host.c writes them. */}}
{{- define "pullthrough.registryHost" -}}
{{- $registry := (.Values.config).registry | default dict }}
{{- $ours := regexFind "^[0-9]{12}\\.dkr\\.ecr\\.[a-z0-9-]+\\.[a-z0-9.-]+/" .Values.image.repository | splitList "." }}
{{- $isEcr := gt (len $ours) 4 }}
{{- $account := $registry.account | default "" | toString }}
{{- if kindIs "float64" $registry.account }}
{{- $account = printf "%.0f" $registry.account }}
{{- end }}
{{- $region := $registry.region | default "" }}
{{- range .Values.extraEnv }}
{{- if and (eq .name "AWS_REGION") .value (not $region) }}
{{- $region = .value }}
{{- end }}
{{- end }}
{{- if $isEcr }}
{{- $account = $account | default (index $ours 0) }}
{{- $region = $region | default (index $ours 3) }}
{{- end }}
{{- if $registry.host }}
{{- $registry.host }}
{{- else if and $account $region }}
{{- $suffix := "amazonaws.com" }}
{{- range $start, $its := dict "cn-" "amazonaws.com.cn" "eusc-" "amazonaws.eu" "us-iso-" "c2s.ic.gov" "us-isob-" "sc2s.sgov.gov" "eu-isoe-" "cloud.adc-e.uk" "us-isof-" "csp.hci.ic.gov" }}
{{- if hasPrefix $start $region }}
{{- $suffix = $its }}
{{- end }}
{{- end }}
{{- printf "%s.dkr.ecr.%s.%s" $account $region $suffix }}
{{- end }}
{{- end }}

{{/* The prefix of registry.k8s.io, which needs no secret; empty where it isn't rewritten. */}}
{{- define "pullthrough.pausePrefix" -}}
{{- if (.Values.config).upstreams }}
{{- range (.Values.config).upstreams }}
{{- if and (eq .registry "registry.k8s.io") (ne (toString .enabled) "false") }}
{{- .prefix | default "k8scache" }}
{{- end }}
{{- end }}
{{- else -}}
k8scache
{{- end }}
{{- end }}
