using Microsoft.AspNetCore.Http;
using Microsoft.ML.Generative.AspNetCore.Http;

namespace Microsoft.ML.Generative.AspNetCore.Endpoints;

/// <summary>/metrics, as Prometheus reads it.</summary>
internal static class MetricsEndpoint
{
    public static Task Run(ServerRequest request)
    {
        request.Context.Response.ContentType = "text/plain; version=0.0.4; charset=utf-8";
        return request.Context.Response.WriteAsync(request.Metrics.Write(), request.Cancellation);
    }
}
