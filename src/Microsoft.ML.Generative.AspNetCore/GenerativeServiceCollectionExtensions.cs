using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;
using Microsoft.ML;
using Microsoft.ML.Generative.AspNetCore;
using Microsoft.ML.Generative.AspNetCore.Http;
using Microsoft.ML.Generative.AspNetCore.Metrics;
using Microsoft.ML.Generative.AspNetCore.Models;

namespace Microsoft.Extensions.DependencyInjection;

/// <summary>Adds models that an application serves.</summary>
public static class GenerativeServiceCollectionExtensions
{
    /// <summary>Serves the model of a file or folder.</summary>
    /// <param name="services">The services.</param>
    /// <param name="name">The name by which requests ask for the model. One of its adapters is <c>name:adapter</c>.</param>
    /// <param name="path">
    /// A model file (.zip), which is loaded with the checks for files from untrusted sources; a folder in the layout of transformers,
    /// sentence-transformers or diffusers; a .gguf file; or <c>hf:organization/name</c>, perhaps with <c>@revision</c>, of the Hugging Face
    /// Hub, which is downloaded once. It is loaded when the application starts.
    /// </param>
    /// <returns>The services.</returns>
    public static IServiceCollection AddGenerativeModel(this IServiceCollection services, string name, string path)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(path);
        return Add(services, new ModelRegistration(name, () => ModelLoader.Load(path), IsOwned: true));
    }

    /// <summary>Serves a model that is loaded already, such as one that the application has trained.</summary>
    /// <param name="services">The services.</param>
    /// <param name="name">The name by which requests ask for the model. One of its adapters is <c>name:adapter</c>.</param>
    /// <param name="model">A language model, or one that generates images, alone or as the last of a chain. It is not disposed of.</param>
    /// <returns>The services.</returns>
    public static IServiceCollection AddGenerativeModel(this IServiceCollection services, string name, ITransformer model)
    {
        ArgumentNullException.ThrowIfNull(model);
        return Add(services, new ModelRegistration(name, () => model, IsOwned: false));
    }

    /// <summary>Serves a model that the application makes when it starts, such as one that is trained first.</summary>
    /// <param name="services">The services.</param>
    /// <param name="name">The name by which requests ask for the model. One of its adapters is <c>name:adapter</c>.</param>
    /// <param name="load">
    /// Gives the model, on a thread of its own beside the start of the application. It may take as long as it has to: until then requests
    /// are told to try again later, and models that were added after this one wait. The model is not disposed of.
    /// </param>
    /// <returns>The services.</returns>
    public static IServiceCollection AddGenerativeModel(
        this IServiceCollection services, string name, Func<IServiceProvider, ITransformer> load)
    {
        ArgumentNullException.ThrowIfNull(services);
        ArgumentException.ThrowIfNullOrWhiteSpace(name);
        ArgumentNullException.ThrowIfNull(load);
        AddServer(services);
        return services.AddSingleton(provider => new ModelRegistration(name, () => load(provider), IsOwned: false));
    }

    /// <summary>Sets keys and limits of the server.</summary>
    /// <param name="services">The services.</param>
    /// <param name="configure">Sets the options.</param>
    /// <returns>The services.</returns>
    public static IServiceCollection AddGenerativeServer(this IServiceCollection services, Action<GenerativeServerOptions> configure)
    {
        ArgumentNullException.ThrowIfNull(services);
        ArgumentNullException.ThrowIfNull(configure);
        AddServer(services);
        return services.Configure(configure);
    }

    private static IServiceCollection Add(IServiceCollection services, ModelRegistration registration)
    {
        ArgumentNullException.ThrowIfNull(services);
        ArgumentException.ThrowIfNullOrWhiteSpace(registration.Name);
        AddServer(services);
        return services.AddSingleton(registration);
    }

    private static void AddServer(IServiceCollection services)
    {
        services.AddOptions<GenerativeServerOptions>().PostConfigure(options => options.Validate());
        services.AddMetrics();
        services.TryAddSingleton<ModelRegistry>();
        services.TryAddSingleton<ServerMetrics>();
        services.TryAddSingleton<RequestGate>();
        services.TryAddEnumerable(ServiceDescriptor.Singleton<IHostedService, ModelStarter>());
        services.TryAddEnumerable(ServiceDescriptor.Singleton<IPostConfigureOptions<HostOptions>, DrainConfiguration>());
    }

    private sealed class DrainConfiguration(IOptions<GenerativeServerOptions> server) : IPostConfigureOptions<HostOptions>
    {
        public void PostConfigure(string? name, HostOptions options) => options.ShutdownTimeout = server.Value.DrainTimeout;
    }
}
