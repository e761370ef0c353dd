{{/* What the Deployment's pods, the check of the configuration and `helm test` have in common. */}}

{{- define "pullthrough.podLabels" -}}
{{ include "pullthrough.selectorLabels" . }}
{{- /* No version: what is the same goes on running. */}}
{{- with merge dict (.Values.podLabels | default dict) (.Values.commonLabels | default dict) }}
{{ toYaml . }}
{{- end }}
{{- /* Whatever selectors become, the webhook stays away from its own pods. */}}
pullthrough.internal/rewrite: disabled
{{- end }}

{{- define "pullthrough.placement" -}}
{{- with .Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- $context := deepCopy (.Values.podSecurityContext | default dict) }}
{{- /* OpenShift has numbers for each namespace, and refuses ours. */}}
{{- if .Capabilities.APIVersions.Has "security.openshift.io/v1" }}
{{- range list "runAsUser" "runAsGroup" "fsGroup" }}
{{- if eq (get $context . | int) 65532 }}
{{- $_ := unset $context . }}
{{- end }}
{{- end }}
{{- end }}
{{- with $context }}
securityContext:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.priorityClassName }}
priorityClassName: {{ . | quote }}
{{- end }}
{{- with .Values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- define "pullthrough.container" -}}
image: {{ include "pullthrough.image" . | quote }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
{{- with .Values.securityContext }}
securityContext:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.resources }}
resources:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- define "pullthrough.environment" -}}
{{- with .Values.extraEnv }}
env:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.extraEnvFrom }}
envFrom:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- define "pullthrough.volumes" -}}
- name: config
  configMap:
    name: {{ include "pullthrough.fullname" . }}
{{- $keeper := include "pullthrough.keeper" . }}
{{- if ne $keeper "program" }}
- name: tls
  secret:
    secretName: {{ include "pullthrough.secretName" . | quote }}
    defaultMode: 0440
    {{- if eq $keeper "job" }}
    # Whatever comes first: the program waits for its certificate, and is ready when it is there.
    optional: true
    {{- end }}
{{- end }}
{{- with .Values.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "pullthrough.volumeMounts" -}}
- name: config
  mountPath: /etc/pullthrough
  readOnly: true
{{- if ne (include "pullthrough.keeper" .) "program" }}
- name: tls
  mountPath: /etc/pullthrough-tls
  readOnly: true
{{- end }}
{{- with .Values.extraVolumeMounts }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* Of the rights that the certificates' Jobs have: they are there before a Job, and gone after it. */}}
{{- define "pullthrough.certificatesHook" -}}
labels:
  {{- include "pullthrough.labels" . | nindent 2 }}
annotations:
  helm.sh/hook: pre-install,pre-upgrade,pre-rollback,post-install,post-upgrade,post-rollback
  helm.sh/hook-weight: "3"
  helm.sh/hook-delete-policy: before-hook-creation,hook-succeeded,hook-failed
{{- end }}
