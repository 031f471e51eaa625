using System.Diagnostics;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Microsoft.ML.Generative.Benchmarks;

/// <summary>A server of one model on a free port of this machine, and its client.</summary>
internal sealed class BenchmarkServer : IDisposable
{
    private readonly WebApplication _application;
    private readonly HttpClient _http;

    public BenchmarkServer(LanguageModelTransformer model)
    {
        WebApplicationBuilder builder = WebApplication.CreateBuilder();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        builder.Logging.ClearProviders();
        builder.Services.AddGenerativeModel("model", model);
        _application = builder.Build();
        _application.MapOpenAI();
        _application.Start();
        _http = new HttpClient { BaseAddress = new Uri(_application.Urls.Single()), Timeout = TimeSpan.FromMinutes(10) };
        while (!_http.GetAsync("/health/ready").GetAwaiter().GetResult().IsSuccessStatusCode)
            Thread.Sleep(10);
    }

    /// <summary>Has a text streamed.</summary>
    /// <returns>Its tokens, and the time to the first.</returns>
    public async Task<(int Tokens, TimeSpan First)> StreamAsync(
        string prompt, int tokens, int seed, CancellationToken cancellation = default)
    {
        long begin = Stopwatch.GetTimestamp();
        using var request = new HttpRequestMessage(HttpMethod.Post, "/v1/completions")
        {
            Content = new StringContent(
                JsonSerializer.Serialize(new { model = "model", prompt, max_tokens = tokens, seed, stream = true }), Encoding.UTF8,
                "application/json"),
        };
        using HttpResponseMessage response =
            await _http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellation).ConfigureAwait(false);
        response.EnsureSuccessStatusCode();
        using var reader = new StreamReader(await response.Content.ReadAsStreamAsync(cancellation).ConfigureAwait(false));
        int pieces = 0;
        TimeSpan first = default;
        while (await reader.ReadLineAsync(cancellation).ConfigureAwait(false) is { } line)
        {
            if (!line.StartsWith("data: {", StringComparison.Ordinal))
                continue;
            if (line.Contains("\"error\":{", StringComparison.Ordinal))
                throw new InvalidOperationException(line);
            if (pieces++ == 0)
                first = Stopwatch.GetElapsedTime(begin);
        }

        // The last chunk has the reason alone.
        return (pieces - 1, first);
    }

    public void Dispose()
    {
        _http.Dispose();
        _application.StopAsync().GetAwaiter().GetResult();
        ((IDisposable)_application).Dispose();
    }
}
