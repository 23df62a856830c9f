"""The function app: registers the blueprints, and nothing else."""

import azure.durable_functions as df
import azure.functions as func

from backup_http.functions import bp as backup_http_bp
from backup_timer.functions import bp as backup_timer_bp
from catalog_keeping.functions import bp as catalog_keeping_bp
from change_event.functions import bp as change_event_bp
from drill_timer.functions import bp as drill_timer_bp
from operate_http.functions import bp as operate_http_bp
from poll_status.functions import bp as poll_status_bp
from replicate_event.functions import bp as replicate_event_bp
from restore_http.functions import bp as restore_http_bp
from run_control.functions import bp as run_control_bp
from shared.wiring import report_configuration
from usage_timer.functions import bp as usage_timer_bp

app = df.DFApp(http_auth_level=func.AuthLevel.FUNCTION)
app.register_blueprint(backup_timer_bp)
app.register_blueprint(backup_http_bp)
app.register_blueprint(restore_http_bp)
app.register_blueprint(poll_status_bp)
app.register_blueprint(replicate_event_bp)
app.register_blueprint(change_event_bp)
app.register_blueprint(operate_http_bp)
app.register_blueprint(run_control_bp)
app.register_blueprint(catalog_keeping_bp)
app.register_blueprint(usage_timer_bp)
app.register_blueprint(drill_timer_bp)

report_configuration()
