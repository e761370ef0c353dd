// What tests/it/test_dashboard.py checks: a dashboard, and what Grafana's own schema leaves open in
// it, the options of the panels that ours has. hack/grafana-schema.sh makes a JSON schema of it.
import { Dashboard } from '@grafana/schema/dist/types/raw/dashboard/x/types.gen';
import * as stat from '@grafana/schema/dist/types/raw/composable/stat/panelcfg/x/types.gen';
import * as timeseries from '@grafana/schema/dist/types/raw/composable/timeseries/panelcfg/x/types.gen';

export interface Checked {
  dashboard: Dashboard;
  statOptions: stat.Options;
  timeseriesOptions: timeseries.Options;
  timeseriesCustom: timeseries.FieldConfig;
}
