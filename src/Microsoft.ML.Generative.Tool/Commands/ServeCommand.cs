using System.CommandLine;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.ML.Generative.AspNetCore;
using Microsoft.ML.Generative.AspNetCore.Models;
using CliCommand = System.CommandLine.Command;

namespace Microsoft.ML.Generative.Tool.Commands;

/// <summary><c>generative serve</c>: the host of Microsoft.ML.Generative.AspNetCore.</summary>
internal sealed class ServeCommand
{
    private const string KeyVariable = "GENERATIVE_API_KEY";

    private readonly Argument<string[]> _models = new("models")
    {
        Description = $"The models, each {ModelArgument.Kinds}; perhaps with the name for requests and '=' before it.",
        Arity = ArgumentArity.OneOrMore,
    };

    private readonly Option<string?> _name =
        new("--name") { Description = "The name of the model in requests, where there is one. Default: that of the file." };

    private readonly Option<string> _urls = new("--urls")
    {
        Description = "Where to listen; several are separated by ';'.",
        DefaultValueFactory = _ => "http://127.0.0.1:5000",
    };

    private readonly Option<string[]> _keys = new("--api-key")
    {
        Description = $"A key that callers have to send; repeatable. Default: {KeyVariable}. Without one, only this machine is served.",
    };

    private readonly Option<int?> _perMinute = new("--requests-per-minute") { Description = "Requests of a key in a minute at most." };
    private readonly Option<int?> _concurrent = new("--max-concurrent-requests") { Description = "Requests at a time at most." };
    private readonly Option<int?> _outputTokens = new("--max-output-tokens") { Description = "Tokens of an answer at most." };
    private readonly Option<double?> _timeout = new("--timeout") { Description = "Seconds that a request may take.", HelpName = "seconds" };

    private readonly Option<double?> _drain =
        new("--drain-timeout") { Description = "Seconds that requests have when the server stops.", HelpName = "seconds" };

    public ServeCommand()
    {
        Command = new CliCommand("serve", "Serves models with OpenAI's interface.")
        {
            _models, _name, _urls, _keys, _perMinute, _concurrent, _outputTokens, _timeout, _drain,
        };
        Command.SetAction(RunAsync);
    }

    public CliCommand Command { get; }

    private async Task<int> RunAsync(ParseResult parsed, CancellationToken cancellation)
    {
        TextWriter output = parsed.InvocationConfiguration.Output;
        (string Name, string Path)[] models = [.. parsed.GetValue(_models)!.Select(Split)];
        if (parsed.GetValue(_name) is { } name)
        {
            models = models.Length == 1 ? [(name, models[0].Path)]
                : throw new ArgumentException($"--name is '{name}', but there are {models.Length} models: write name=model for each.");
        }

        WebApplicationBuilder builder = WebApplication.CreateBuilder();
        builder.Logging.AddFilter("Microsoft.AspNetCore", LogLevel.Warning);
        builder.WebHost.UseUrls(parsed.GetValue(_urls)!);
        builder.Services.AddGenerativeServer(options => Configure(options, parsed));
        List<IDisposable> loaded = [];
        try
        {
            // Before anything listens: a model that cannot be loaded is an error of the command.
            foreach ((string served, string path) in models)
            {
                ITransformer model = ModelArgument.Load(path);
                if (model is IDisposable disposable)
                    loaded.Add(disposable);
                builder.Services.AddGenerativeModel(served, model);
            }

            await using WebApplication application = builder.Build();
            application.MapOpenAI();
            await application.StartAsync(cancellation).ConfigureAwait(false);
            await output.WriteLineAsync(
                $"{string.Join(", ", models.Select(model => model.Name))} at {string.Join(", ", application.Urls)}").ConfigureAwait(false);
            await output.FlushAsync(cancellation).ConfigureAwait(false);
            await application.WaitForShutdownAsync(cancellation).ConfigureAwait(false);
            return 0;
        }
        finally
        {
            loaded.ForEach(model => model.Dispose());
        }
    }

    private void Configure(GenerativeServerOptions options, ParseResult parsed)
    {
        string[] keys = parsed.GetValue(_keys) ?? [];
        if (keys.Length == 0 && Environment.GetEnvironmentVariable(KeyVariable) is { Length: > 0 } key)
            keys = [key];
        foreach (string one in keys)
            options.ApiKeys.Add(one);
        options.RequestsPerMinute = parsed.GetValue(_perMinute);
        options.MaxConcurrentRequests = parsed.GetValue(_concurrent) ?? options.MaxConcurrentRequests;
        options.MaxOutputTokens = parsed.GetValue(_outputTokens);
        if (parsed.GetValue(_timeout) is { } timeout)
            options.RequestTimeout = TimeSpan.FromSeconds(timeout);
        if (parsed.GetValue(_drain) is { } drain)
            options.DrainTimeout = TimeSpan.FromSeconds(drain);
    }

    // The name is that of the file or folder, without the organization of the Hub.
    private static (string Name, string Path) Split(string model)
    {
        int equals = model.IndexOf('=', StringComparison.Ordinal);
        if (equals > 0)
            return (model[..equals], model[(equals + 1)..]);
        bool isOnHub = model.StartsWith(ModelLoader.HubPrefix, StringComparison.Ordinal);
        string last = Path.GetFileName((isOnHub ? model.Split('@')[0] : model).TrimEnd('/', '\\'));
        return (Path.GetExtension(last) is ".zip" or ".gguf" ? Path.GetFileNameWithoutExtension(last) : last, model);
    }
}
