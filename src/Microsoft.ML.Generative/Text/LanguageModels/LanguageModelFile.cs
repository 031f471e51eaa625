using Microsoft.ML.Generative.Layers.Adapters;
using Microsoft.ML.Generative.Serialization;
using Microsoft.ML.Generative.Text.Codec;
using Microsoft.ML.Generative.Text.Tokenization;
using Microsoft.ML.Runtime;

namespace Microsoft.ML.Generative.Text.LanguageModels;

/// <summary>Language models in ML.NET's model files.</summary>
internal static class LanguageModelFile
{
    public static ModelFormat Format { get; } = new("language-model", "GEN LANG", LanguageModelTransformer.LoaderSignature);

    public static void Save(ModelSaveContext ctx, LanguageModelTransformer model)
    {
        using IDisposable use = model.Use();
        LanguageModelDefinition definition = model.Definition;
        ModelFile.Save(
            ctx, Format,
            definition with
            {
                Defaults = definition.Defaults with { OtherEnds = [.. model.Codec.OtherEnds], BeginsWithBos = model.Codec.BeginsWithBos },
                Adapters = model.Networks.Shapes,
                ActiveAdapter = model.ActiveAdapter,
                WeightFormat = model.WeightFormat,
                EachWeightFormat = MixedFormats.NamesOf(model.Networks.Base.Formats),
            },
            model.Networks.Modules,
            TokenizerFiles.Entries(model.Tokenizer));
    }

    /// <inheritdoc cref="ModelFile.Load"/>
    public static LanguageModelTransformer Load(IHostEnvironment env, ModelLoadContext ctx) =>
        ModelFile.Load<LanguageModelDefinition, LanguageModelTransformer>(env, ctx, Format, file =>
        {
            LanguageModelDefinition definition = file.Definition;
            TextCodec codec = TextCodec.Of(TokenizerFiles.Load(file, definition.Architecture.VocabularySize)) with
            {
                OtherEnds = definition.Defaults.OtherEnds,
                BeginsWithBos = definition.Defaults.BeginsWithBos,
            };
            LanguageModelNetwork network = file.Read(definition.Decoder);
            LoraWeights[] adapters = [.. definition.AdapterComponents.Select(file.Read)];
            return new LanguageModelTransformer(
                file.Host, definition, codec,
                new AdaptedNetwork<LanguageModelNetwork>(network, adapters, definition.ActiveAdapter), file.Device);
        });
}
