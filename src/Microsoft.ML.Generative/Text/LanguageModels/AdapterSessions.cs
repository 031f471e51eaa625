using Microsoft.ML.Generative.Layers.Adapters;
using Microsoft.ML.Generative.Text.Decoding;
using Microsoft.ML.Generative.Text.Decoding.Scheduling;
using TorchSharp;

namespace Microsoft.ML.Generative.Text.LanguageModels;

/// <summary>Opens decoding sessions of a model with its active adapter, or with another one.</summary>
/// <param name="networks">The model's networks.</param>
/// <param name="contextLength">Tokens that a stream can hold.</param>
/// <param name="device">Where the networks are.</param>
internal sealed class AdapterSessions(AdaptedNetwork<LanguageModelNetwork> networks, int contextLength, torch.Device device)
{
    /// <summary>Opens a session of a number of streams.</summary>
    public IDecodingSession Open(int streams) => LanguageModelSessions.Open(networks.Network, streams, contextLength, device);

    /// <summary>Finds an adapter, and opens sessions with it.</summary>
    /// <param name="adapter">Its name; <see langword="null"/>: none.</param>
    /// <exception cref="ArgumentException">There is no such adapter.</exception>
    public Func<int, IDecodingSession> With(string? adapter)
    {
        LanguageModelNetwork network = networks.NetworkOf(adapter);
        return streams => LanguageModelSessions.Open(network, streams, contextLength, device);
    }

    /// <inheritdoc cref="LanguageModelSessions.Schedule"/>
    public DecodingScheduler? Schedule() => LanguageModelSessions.Schedule(networks.Network, contextLength, device);
}
