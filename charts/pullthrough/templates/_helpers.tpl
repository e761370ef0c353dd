{{- define "pullthrough.name" -}}
{{ .Values.nameOverride | default .Chart.Name | replace "." "-" | trunc 40 | trimSuffix "-" }}
{{- end }}

{{/* Names of Services: no dots, and room for a suffix. */}}
{{- define "pullthrough.fullname" -}}
{{- $name := include "pullthrough.name" . -}}
{{- $full := contains $name .Release.Name | ternary .Release.Name (printf "%s-%s" .Release.Name $name) -}}
{{ .Values.fullnameOverride | default $full | replace "." "-" | trunc 40 | trimSuffix "-" }}
{{- end }}

{{/* Of what has no namespace. Neither part has a dot, so no two releases share one. */}}
{{- define "pullthrough.clusterName" -}}
{{ include "pullthrough.fullname" . }}.{{ .Release.Namespace }}
{{- end }}

{{/* Of the webhook for creations; what others call it by. That for updates has a word before it. */}}
{{- define "pullthrough.webhookName" -}}
{{ include "pullthrough.clusterName" . }}.pullthrough.internal
{{- end }}

{{/* Who makes the certificates: "program", "job", or "other". */}}
{{- define "pullthrough.keeper" -}}
{{ eq .Values.tls.mode "self" | ternary .Values.tls.self.caBundle "other" }}
{{- end }}

{{- define "pullthrough.secretName" -}}
{{- $keeper := include "pullthrough.keeper" . -}}
{{- if eq $keeper "program" -}}
{{ include "pullthrough.fullname" . }}-certificates
{{- else if eq $keeper "job" -}}
{{ include "pullthrough.fullname" . }}-job-tls
{{- else if .Values.tls.files.certManager.enabled -}}
{{ include "pullthrough.fullname" . }}-tls
{{- else -}}
{{ .Values.tls.files.secretName }}
{{- end }}
{{- end }}

{{- define "pullthrough.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{ .Values.serviceAccount.name | default (include "pullthrough.fullname" .) }}
{{- else -}}
{{ .Values.serviceAccount.name | default "default" }}
{{- end }}
{{- end }}

{{/* "true" where the API server has ValidatingAdmissionPolicies. */}}
{{- define "pullthrough.hasPolicies" -}}
{{- if semverCompare ">=1.30-0" .Capabilities.KubeVersion.Version }}true{{ end }}
{{- end }}

{{/* "true" where the program asks the Kubernetes API for anything. */}}
{{- define "pullthrough.asksKubernetes" -}}
{{- if or (eq (include "pullthrough.keeper" .) "program") .Values.fallback.watch }}true{{ end }}
{{- end }}

{{/* "true" where some images go to ECR only once it holds them, so that the program imports them. */}}
{{- define "pullthrough.imports" -}}
{{- $rewrite := (.Values.config).rewrite | default dict }}
{{- if or (eq ($rewrite.when | default "") "cached") (eq ($rewrite.digests | default "") "cached") }}true{{ end }}
{{- end }}

{{/* "true" where nodes are sent to ECR for nothing that it doesn't hold. */}}
{{- define "pullthrough.onlyCached" -}}
{{- if eq (((.Values.config).rewrite | default dict).when | default "") "cached" }}true{{ end }}
{{- end }}

{{- define "pullthrough.selectorLabels" -}}
app.kubernetes.io/name: {{ include "pullthrough.name" . | quote }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end }}

{{- define "pullthrough.labels" -}}
{{ include "pullthrough.labelsAnd" (list . dict) }}
{{- end }}

{{/* (list . LABELS): those, where commonLabels has the same. */}}
{{- define "pullthrough.labelsAnd" -}}
{{- $more := index . 1 -}}
{{- with index . 0 -}}
{{ include "pullthrough.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- with merge dict ($more | default dict) (.Values.commonLabels | default dict) }}
{{ toYaml . }}
{{- end }}
{{- end }}
{{- end }}

{{- define "pullthrough.ipFamilies" -}}
{{- with .Values.service.ipFamilyPolicy }}
ipFamilyPolicy: {{ . }}
{{- end }}
{{- with .Values.service.ipFamilies }}
ipFamilies: {{ toJson . }}
{{- end }}
{{- end }}

{{- define "pullthrough.image" -}}
{{- $image := .Values.image -}}
{{- if not $image.repository }}
{{- fail "image.repository: say where your image is (hack/image.sh builds one): --set image.repository=REGISTRY/pullthrough" }}
{{- end -}}
{{- if $image.digest -}}
{{ $image.repository }}@{{ $image.digest }}
{{- else -}}
{{ $image.repository }}:{{ $image.tag | default .Chart.AppVersion }}
{{- end }}
{{- end }}

{{/* (list NAME TEXT...): a name that is another where the texts are: a Job's pod
can't be changed, and what applies manifests again would try. 63 characters at most. */}}
{{- define "pullthrough.jobName" -}}
{{ first . | trunc 54 | trimSuffix "-" }}-{{ rest . | join "\n" | sha256sum | trunc 8 }}
{{- end }}

{{/* Numbers come out of values files as floats, and 1000000 would be written 1e+06. */}}
{{- define "pullthrough.wholeNumbers" -}}
{{- $map := . }}
{{- range $key, $value := $map }}
{{- if kindIs "map" $value }}
{{- include "pullthrough.wholeNumbers" $value }}
{{- else if kindIs "float64" $value }}
{{- $_ := set $map $key (int64 $value) }}
{{- end }}
{{- end }}
{{- end }}

{{/* config.yaml: the user's, with what YAML does to account numbers and to `off` undone, and with
what the chart knows better. */}}
{{- define "pullthrough.config" -}}
{{- $config := deepCopy (.Values.config | default dict) }}
{{- include "pullthrough.wholeNumbers" $config }}
{{- with $config.registry }}
{{- if hasKey . "account" }}
{{- $_ := set . "account" (toString (.account | default "")) }}
{{- end }}
{{- end }}
{{- with $config.reconcile }}
{{- if and (kindIs "bool" .mode) (not .mode) }}
{{- $_ := set . "mode" "off" }}
{{- end }}
{{- end }}
{{- $_ := set $config "listen" (dict "webhook" (printf "[::]:%d" (int .Values.webhook.port)) "status" (printf "[::]:%d" (int .Values.status.port))) }}
{{- $isProgram := eq (include "pullthrough.keeper" .) "program" }}
{{- $tls := dict "mode" ($isProgram | ternary "self" "files") }}
{{- if $isProgram }}
{{- $_ := set $tls "secretName" (include "pullthrough.secretName" .) }}
{{- $_ := set $tls "serviceName" (include "pullthrough.fullname" .) }}
{{- $_ := set $tls "webhookName" (include "pullthrough.clusterName" .) }}
{{- else }}
{{- $_ := set $tls "certFile" "/etc/pullthrough-tls/tls.crt" }}
{{- $_ := set $tls "keyFile" "/etc/pullthrough-tls/tls.key" }}
{{- end }}
{{- with .Values.tls.clientCAFile }}
{{- $_ := set $tls "clientCAFile" . }}
{{- end }}
{{- $_ := set $config "tls" $tls }}
{{- with .Values.fallback }}
{{- $probe := dict "interval" .probe.interval "timeout" .probe.timeout }}
{{- $_ := set $config "fallback" (dict "to" .to "probe" $probe "watch" .watch "remember" .remember "heal" .heal) }}
{{- end }}
{{- toYaml $config }}
{{- end }}

{{/* What the program reads only when it starts (docs/configuration.md, "Needs a restart"); and where
images go, so that once the rollout is over every pod goes there, and not only when every kubelet has
brought the new file. */}}
{{- define "pullthrough.restartKeys" -}}
{{- dict "server" ((.Values.config).server | default dict) "format" (((.Values.config).log | default dict).format | default "") "ports" (list .Values.webhook.port .Values.status.port) "registry" ((.Values.config).registry | default dict) | toJson }}
{{- end }}

{{/* Milliseconds of a duration as the program writes it, "1m30s". */}}
{{- define "pullthrough.milliseconds" -}}
{{- $sum := 0 }}
{{- range regexFindAll "[0-9]+(ms|s|m|h|d)" . -1 }}
{{- $unit := regexFind "[a-z]+" . }}
{{- $sum = add $sum (mul (regexFind "[0-9]+" . | int64) (get (dict "ms" 1 "s" 1000 "m" 60000 "h" 3600000 "d" 86400000) $unit)) }}
{{- end }}
{{- $sum }}
{{- end }}

{{/* What must not be, said in words. */}}
{{- define "pullthrough.checks" -}}
{{- $name := include "pullthrough.fullname" . }}
{{- if not (regexMatch "^[a-z]([-a-z0-9]*[a-z0-9])?$" $name) }}
{{- fail (printf "fullnameOverride: the name of a Service begins with a letter, and %q does not" $name) }}
{{- end }}
{{- $files := .Values.tls.files }}
{{- if and (eq .Values.tls.mode "files") (eq (empty $files.secretName) (not $files.certManager.enabled)) }}
{{- fail "tls.mode is files: give one of tls.files.secretName and tls.files.certManager.enabled" }}
{{- end }}
{{- if and (eq .Values.tls.mode "self") (or $files.secretName $files.caBundle $files.certManager.enabled) }}
{{- fail "tls.mode is self: tls.files has no meaning with it" }}
{{- end }}
{{- if and (eq .Values.tls.mode "files") (ne .Values.tls.self.caBundle "program") }}
{{- fail "tls.mode is files: tls.self has no meaning with it" }}
{{- end }}
{{- $rewrite := (.Values.config).rewrite | default dict }}
{{- if and .Values.fallback.heal (eq .Values.fallback.to "none") }}
{{- fail "fallback.heal: with fallback.to \"none\" there is nothing to heal a pod to" }}
{{- end }}
{{- if and .Values.fallback.heal (not .Values.fallback.watch) }}
{{- fail "fallback.heal: without fallback.watch nobody learns which pods are stuck" }}
{{- end }}
{{- if and .Values.fallback.heal (eq (toString (get $rewrite "recordOriginals")) "false") }}
{{- fail "fallback.heal: without config.rewrite.recordOriginals nobody knows what a pod's images were" }}
{{- end }}
{{- if and .Values.fallback.heal (eq (include "pullthrough.hasPolicies" .) "") (not .Values.fallback.healWithoutPolicy) }}
{{- fail (printf "fallback.heal: Kubernetes %s has no ValidatingAdmissionPolicy (1.30 has), so nothing would confine the right to patch pods to what healing changes; fallback.healWithoutPolicy: true accepts that" .Capabilities.KubeVersion.Version) }}
{{- end }}
{{- if and (not .Values.hooks.enabled) (eq (include "pullthrough.keeper" .) "job") }}
{{- fail "hooks.enabled is false: nothing runs the Jobs of tls.self.caBundle \"job\"" }}
{{- end }}
{{- if not (or .Values.serviceAccount.create .Values.serviceAccount.name) }}
{{- fail "serviceAccount.create is false: say in serviceAccount.name which one there is, since the rights are not for every pod of the namespace" }}
{{- end }}
{{- $probe := .Values.fallback.probe }}
{{- $interval := include "pullthrough.milliseconds" (toString $probe.interval) | int }}
{{- if and $interval (ge (include "pullthrough.milliseconds" (toString $probe.timeout) | int) $interval) }}
{{- fail (printf "fallback.probe.timeout: %v is not less than fallback.probe.interval, %v" $probe.timeout $probe.interval) }}
{{- end }}
{{- if and (eq .Values.service.ipFamilyPolicy "SingleStack") (gt (len .Values.service.ipFamilies) 1) }}
{{- fail "service.ipFamilyPolicy is SingleStack: service.ipFamilies can name one family at most" }}
{{- end }}
{{- if eq (int .Values.webhook.port) (int .Values.status.port) }}
{{- fail "webhook.port and status.port must differ" }}
{{- end }}
{{- $drain := toString (((.Values.config).server | default dict).drain | default "15s") }}
{{- $grace := int .Values.terminationGracePeriodSeconds }}
{{- if gt (include "pullthrough.milliseconds" $drain | int) (mul 1000 (sub $grace 5) | int) }}
{{- fail (printf "terminationGracePeriodSeconds: %d leaves config.server.drain, %s, no 5 s of room" $grace $drain) }}
{{- end }}
{{- end }}
