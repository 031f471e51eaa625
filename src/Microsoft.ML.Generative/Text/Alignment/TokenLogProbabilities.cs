using Microsoft.ML.Generative.Layers;
using Microsoft.ML.Generative.Runtime;
using Microsoft.ML.Generative.Text.LanguageModels;
using static TorchSharp.torch;

namespace Microsoft.ML.Generative.Text.Alignment;

/// <summary>What a network says of given tokens, as a sampler of some temperature would choose them.</summary>
/// <param name="Values">log π of each target, 0 where there is none, [rows, time].</param>
/// <param name="Entropy">The entropy of the distribution at each position, [rows, time], without gradient; if it was asked for.</param>
internal readonly record struct TokenLogProbabilities(Tensor Values, Tensor? Entropy)
{
    /// <param name="logits">[rows, time, vocabulary of the network].</param>
    /// <param name="targets">[rows, time], <see cref="LanguageModelNetwork.NoTarget"/> where there is none.</param>
    /// <param name="temperature">The sampler's temperature.</param>
    /// <param name="vocabulary">
    /// Tokens that the sampler knows: a network may have more than its tokenizer, and they have no probability then.
    /// </param>
    /// <param name="withEntropy">Whether the entropy is computed.</param>
    public static TokenLogProbabilities Of(Tensor logits, Tensor targets, double temperature, int vocabulary, bool withEntropy = false)
    {
        if (vocabulary < logits.size(2))
            logits = logits.narrow(2, 0, vocabulary);
        if (temperature != 1)
            logits = logits.Times(1 / temperature);
        Tensor rows = logits.flatten(0, 1); // [rows · time, vocabulary]
        Tensor losses = CrossEntropy.PerRow(rows, targets.flatten()); // [rows · time]
        Tensor values = losses.negative().view(targets.shape); // [rows, time]
        if (!withEntropy)
            return new(values, null);
        using IDisposable noGradient = no_grad();
        Tensor logProbabilities = logits.detach().log_softmax(-1); // [rows, time, vocabulary]
        return new(values, logProbabilities.exp().mul(logProbabilities).sum(-1).negative());
    }

    /// <inheritdoc cref="Of(Tensor, Tensor, double, int, bool)"/>
    /// <param name="network">The network.</param>
    /// <param name="sequences">[rows, time].</param>
    /// <param name="targets">[rows, time].</param>
    /// <param name="temperature">The sampler's temperature.</param>
    /// <param name="vocabulary">Tokens that the sampler knows.</param>
    public static Tensor Of(LanguageModelNetwork network, Tensor sequences, Tensor targets, double temperature, int vocabulary) =>
        Of(network.Logits(sequences), targets, temperature, vocabulary).Values;
}
