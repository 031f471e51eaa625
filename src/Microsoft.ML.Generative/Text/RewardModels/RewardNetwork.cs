using Microsoft.ML.Generative.Layers;
using Microsoft.ML.Generative.Runtime;
using Microsoft.ML.Generative.Text.LanguageModels;
using static TorchSharp.torch;

namespace Microsoft.ML.Generative.Text.RewardModels;

/// <summary>A decoder whose last hidden state a linear layer makes a score of.</summary>
internal sealed class RewardNetwork : nn.Module
{
    /// <summary>The name of the score head in those of its parameters.</summary>
    public const string HeadName = nameof(score);

    private readonly LanguageModelNetwork decoder;
    private readonly Linear score;

    /// <param name="decoder">The decoder; it belongs to this network from now on.</param>
    /// <param name="score">The score head; it belongs to this network from now on.</param>
    public RewardNetwork(LanguageModelNetwork decoder, Linear score)
        : base(nameof(RewardNetwork))
    {
        (this.decoder, this.score) = (decoder, score);
        RegisterComponents();
    }

    public LanguageModelNetwork Decoder => decoder;

    public Linear Score => score;

    /// <summary>
    /// A new score head. Its weights are normal with variance 1 / (width + 1), so that the first scores are about normal (Stiennon et al.
    /// 2020).
    /// </summary>
    public static Linear CreateHead(LanguageModelArchitecture architecture)
    {
        var head = new Linear(architecture.EmbeddingSize, 1, hasBias: false);
        if (ModuleTensors.HasValues)
            nn.init.normal_(head.Weight.Plain!, 0, 1 / Math.Sqrt(architecture.EmbeddingSize + 1));
        return head;
    }

    /// <summary>The score of each sequence, at its last token.</summary>
    /// <param name="sequences">[batch, time], filled up behind the last token.</param>
    /// <param name="last">The index of the last token, [batch].</param>
    /// <returns>[batch].</returns>
    public Tensor Scores(Tensor sequences, Tensor last)
    {
        Tensor hidden = decoder.Hidden(sequences); // [batch, time, width]
        Tensor index = last.view(-1, 1, 1).expand(-1, 1, hidden.size(2)); // [batch, 1, width]
        Tensor atLast = hidden.gather(1, index).squeeze(1); // [batch, width]
        return score.call(atLast).AsFloat32().squeeze(1); // [batch]
    }
}
