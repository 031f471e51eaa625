using Microsoft.ML.Generative.Layers;
using Microsoft.ML.Generative.Runtime;
using Microsoft.ML.Generative.Serialization;
using Microsoft.ML.Generative.Text.LanguageModels;
using Microsoft.ML.Generative.Training;
using static TorchSharp.torch;

namespace Microsoft.ML.Generative.Text.Alignment;

/// <summary>A policy, and what it expects of each token: by a linear layer on its hidden states, or on those of a second network.</summary>
internal sealed class PpoNetwork : nn.Module
{
    // Streams of the training's seed.
    private const long HeadStream = 331;
    private const long ValuesStream = 332;

    private readonly LanguageModelNetwork policy;
    private readonly LanguageModelNetwork? values;
    private readonly Linear value;

    /// <param name="policy">The policy.</param>
    /// <param name="values">The network whose hidden states values are made of; <see langword="null"/>: the policy.</param>
    /// <param name="value">The layer that makes a value of a hidden state.</param>
    public PpoNetwork(LanguageModelNetwork policy, LanguageModelNetwork? values, Linear value)
        : base(nameof(PpoNetwork))
    {
        (this.policy, this.values, this.value) = (policy, values, value);
        RegisterComponents();
    }

    /// <summary>Creates what the values are made with, for the time of a training.</summary>
    public static PpoNetwork Create(Trainer trainer, PolicyTraining policy, PpoOptions options)
    {
        LanguageModelArchitecture architecture = policy.Network.Architecture;
        Linear head = trainer.CreateTemporaryNetwork(() => CreateHead(architecture), HeadStream);
        if (!options.UsesValueNetwork)
            return new PpoNetwork(policy.Network, null, head);
        LanguageModelArchitecture ofValues = architecture with { TieEmbeddings = true };
        LanguageModelNetwork source = options.BaseModel!.Network;
        if (source.Format != WeightFormat.Float32 || options.BaseModel.ActiveAdapter is not null)
        {
            string found = options.BaseModel.ActiveAdapter is { } adapter
                ? $"uses the adapter '{adapter}'"
                : $"stores its weights as {source.Format}";
            throw new ArgumentException(
                $"{nameof(PpoOptions.UsesValueNetwork)} is set, but {nameof(options.BaseModel)} {found}: the network of values begins as a "
                + "copy of plain weights.", nameof(options));
        }

        LanguageModelNetwork values = trainer.CreateTemporaryNetwork(() => new LanguageModelNetwork(ofValues), ValuesStream);
        ModuleWeights.CopyShared(source, values);
        return new PpoNetwork(policy.Network, values, head);
    }

    /// <summary>A layer that expects nothing.</summary>
    public static Linear CreateHead(LanguageModelArchitecture architecture)
    {
        var head = new Linear(architecture.EmbeddingSize, 1);
        if (ModuleTensors.HasValues)
        {
            nn.init.zeros_(head.Weight.Plain!);
            nn.init.zeros_(head.Bias!);
        }

        return head;
    }

    /// <summary>Logits [rows, time, vocabulary] and values [rows, time] of sequences [rows, time].</summary>
    public (Tensor Logits, Tensor Values) Score(Tensor sequences)
    {
        Tensor hidden = policy.Hidden(sequences); // [rows, time, width]
        Tensor logits = policy.Head.call(hidden).AsFloat32();
        Tensor ofValues = values?.Hidden(sequences) ?? hidden;
        return (logits, value.call(ofValues).AsFloat32().squeeze(2));
    }
}
