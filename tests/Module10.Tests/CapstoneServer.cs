using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.ML.Generative.Tests;
using Module10.Models;
using Module10.Tests.Browsing;

namespace Module10.Tests;

/// <summary>
/// The application on a free port, with models that were hardly trained, or those of the folder that the environment variable
/// CAPSTONE_MODELS names.
/// </summary>
public sealed class CapstoneServer : IAsyncLifetime, IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private WebApplication? _application;

    public CapstoneServer()
    {
        Options = new CapstoneOptions { ModelFolder = _folder.Path, TrainingShare = 0.004, Urls = "http://127.0.0.1:0" };
        if (Environment.GetEnvironmentVariable("CAPSTONE_MODELS") is { Length: > 0 } models)
            Options = Options with { ModelFolder = models, TrainingShare = 1 };
    }

    public Uri Address { get; private set; } = new("http://localhost");

    internal CapstoneOptions Options { get; }

    /// <summary>The browser, which is started for the first test that needs one.</summary>
    internal Lazy<Task<ChromiumProcess>> Chromium { get; } = new(ChromiumProcess.StartAsync);

    internal IServiceProvider Services => _application!.Services;

    public async Task InitializeAsync()
    {
        _application = CapstoneApplication.Build(Options);
        await _application.StartAsync();
        Address = new Uri(_application.Urls.Single());
        foreach (RoomModel model in Services.GetServices<RoomModel>())
            await model.Ready;
    }

    public async Task DisposeAsync()
    {
        if (Chromium.IsValueCreated)
            await (await Chromium.Value).DisposeAsync();
        await _application!.StopAsync();
        await _application.DisposeAsync();
    }

    public void Dispose() => _folder.Dispose();
}

[CollectionDefinition(Name)]
public class CapstoneCollection : ICollectionFixture<CapstoneServer>
{
    public const string Name = "capstone";
}
