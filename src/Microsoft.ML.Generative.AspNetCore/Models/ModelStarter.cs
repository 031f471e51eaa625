using Microsoft.Extensions.Hosting;

namespace Microsoft.ML.Generative.AspNetCore.Models;

/// <summary>Loads the models beside the start of the application, which is live before it is ready.</summary>
internal sealed class ModelStarter(ModelRegistry models) : IHostedService
{
    public Task StartAsync(CancellationToken cancellationToken)
    {
        _ = Task.Run(models.Load, CancellationToken.None);
        return Task.CompletedTask;
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}
