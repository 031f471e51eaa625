using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Layers.Adapters;
using Microsoft.ML.Generative.Layers.Weights;
using Microsoft.ML.Generative.Serialization;
using Microsoft.ML.Generative.Training;

namespace Microsoft.ML.Generative.Text.LanguageModels;

/// <summary>Language models with the memory of others, as far as they store the same.</summary>
internal static class LanguageModelCopies
{
    /// <summary>A network with the weights of another.</summary>
    /// <param name="source">The other network, without adapters.</param>
    /// <param name="architecture">The architecture; a tied output layer may be one of its own.</param>
    /// <param name="dropout">The part of the values that is dropped at random while training.</param>
    /// <param name="usesRecompute">Whether blocks keep only their input for the backward pass.</param>
    public static LanguageModelNetwork Share(
        LanguageModelNetwork source, LanguageModelArchitecture architecture, double dropout = 0, bool usesRecompute = false) =>
        NetworkCopies.Share(
            source, source.Tokens.Device,
            () => new LanguageModelNetwork(architecture, dropout, source.Formats.For(architecture.Layers, architecture.TieEmbeddings))
            {
                UsesRecompute = usesRecompute,
            },
            _ => source.Tokens.Weight);

    /// <summary>A network without weights of an output layer, for those who read hidden states alone.</summary>
    public static LanguageModelNetwork ShareWithoutHead(LanguageModelNetwork source) =>
        Share(source, source.Architecture with { TieEmbeddings = true });

    /// <summary>The network of a training of adapters.</summary>
    /// <param name="trainer">The training.</param>
    /// <param name="shared">The base model with no adapter active, which belongs to the result.</param>
    /// <param name="adapter">The adapter to create; <see langword="null"/>: <paramref name="earlier"/> is trained further.</param>
    /// <param name="earlier">The active adapter of the base model.</param>
    /// <param name="dropout">The part of the values that is dropped at random while training.</param>
    /// <param name="usesRecompute">Whether blocks keep only their input for the backward pass.</param>
    public static AdapterTraining<LanguageModelNetwork> OpenTraining(
        Trainer trainer, AdaptedNetwork<LanguageModelNetwork> shared, LoraOptions? adapter, LoraWeights? earlier, double dropout,
        bool usesRecompute) =>
        AdapterTraining<LanguageModelNetwork>.Open(
            trainer, shared, adapter, earlier, network => Share(network, network.Architecture, dropout, usesRecompute));

    /// <inheritdoc cref="IAdaptable{TSelf}.ShareForMerging"/>
    /// <remarks>
    /// An output layer and a token embedding of which one has an adapter are no longer tied to each other.
    /// </remarks>
    public static LanguageModelNetwork ShareForMerging(LanguageModelNetwork source, LoraWeights adapter)
    {
        LanguageModelArchitecture architecture = source.Architecture;
        if (adapter.Shape.Modules.Any(module => module.Name is LanguageModelModules.Head or LanguageModelModules.Tokens))
            architecture = architecture with { TieEmbeddings = false };
        // Weights of few bits would round the change away.
        LanguageModelNetwork network = adapter.ShareInto(
            source.Format == WeightFormat.Float32 ? Share(source, architecture) : Convert(source, architecture, WeightFormat.Float32));
        if (architecture != source.Architecture)
            ModuleWeights.Share(network.Tokens.Weight, network.Head.Weight.Plain!);
        return network;
    }

    /// <summary>The same models with the large weights in another format.</summary>
    /// <exception cref="ArgumentException">Only files have Mixed formats.</exception>
    /// <exception cref="NotSupportedException">An adapter has trained a weight that would be stored in another form.</exception>
    public static AdaptedNetwork<LanguageModelNetwork> Quantize(AdaptedNetwork<LanguageModelNetwork> networks, WeightFormat format)
    {
        OptionChecks.Defined(format);
        if (format == WeightFormat.Mixed && networks.Base.Format != WeightFormat.Mixed)
            throw new ArgumentException("Models have Mixed formats only where a file has; expected another format.", nameof(format));
        WeightFormats formats = format == networks.Base.Format ? networks.Base.Formats : format;
        LanguageModelNetwork network = Convert(networks.Base, networks.Base.Architecture, formats);
        HashSet<string> savable = [.. network.Adaptable.Savable.SelectMany(module => module.Parameters)];
        if (networks.Adapters.FirstOrDefault(
            a => a.Shape.Tensors.Any(t => LanguageModelModules.IsTable(t) && !savable.Contains(t))) is { } own)
        {
            network.Dispose();
            throw new NotSupportedException(
                $"The adapter {Quoted.Text(own.Shape.Name)} has a token embedding or output layer of its own, which stays floats; "
                + $"{format} would quantize the model's. Merge the adapter before, or use {WeightFormat.Int8} or {WeightFormat.Nf4}.");
        }

        return networks.OnBase(network, networks.Active?.Shape.Name);
    }

    private static LanguageModelNetwork Convert(
        LanguageModelNetwork source, LanguageModelArchitecture architecture, WeightFormats formats) =>
        NetworkCopies.Convert(
            source, source.Tokens.Device, () => new LanguageModelNetwork(architecture, 0, formats),
            // Each of a mixture may be of another kind and still be the same.
            network => formats.Common == source.Format ? [] : network.Quantizable);
}
