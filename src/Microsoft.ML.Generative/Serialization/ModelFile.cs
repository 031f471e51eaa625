using Microsoft.ML.Generative.Runtime;
using Microsoft.ML.Runtime;
using TorchSharp;

namespace Microsoft.ML.Generative.Serialization;

/// <summary>A model's entries in an ML.NET model file. The transformer's version is the format's version.</summary>
internal static class ModelFile
{
    /// <summary>
    /// Writes header, definition, weights and further files; for <c>ICanSaveModel.Save</c>. Further files, such as a tokenizer's, go by their
    /// entries' names.
    /// </summary>
    public static void Save<TDefinition>(
        ModelSaveContext ctx, ModelFormat format, TDefinition definition, torch.nn.Module network, IReadOnlyDictionary<string, Action<Stream>>? extraFiles = null)
    {
        Contracts.CheckValue(ctx, nameof(ctx));
        ctx.CheckAtModel();
        ctx.SetVersionInfo(format.Header);
        ModelEntries.Write(
            (name, write) => ctx.SaveBinaryStream(name, writer => write(writer.BaseStream)), format, definition, network, extraFiles);
    }

    /// <summary>Checks the header's version, reads the definition and checks it; the first thing that a loader does.</summary>
    /// <exception cref="InvalidDataException">
    /// The model is newer than this version, or its definition is missing, damaged, not of this model or contradicts itself.
    /// </exception>
    /// <exception cref="FormatException">The header is not of this kind of model (thrown by ML.NET).</exception>
    public static TDefinition LoadDefinition<TDefinition>(IHostEnvironment env, ModelLoadContext ctx, ModelFormat format)
        where TDefinition : IModelDefinition<torch.nn.Module>, IReadsOldFormats<TDefinition>
    {
        Check(env, ctx);
        VersionInfo version = format.Header;
        // ML.NET's own message would tell the user to look for another ML.NET.
        if (ctx.Header.ModelSignature == version.ModelSignature && ctx.Header.ModelVerReadable > version.VerWrittenCur)
            throw ModelEntries.Newer(ctx.Header.ModelVerReadable, version.VerWrittenCur);
        ctx.CheckAtModel(version);
        TDefinition definition = ModelEntries.ReadDefinition<TDefinition>(Loader(ctx), format);
        Check(definition.Validate);
        return definition;
    }

    /// <summary>Creates the network of the definition, copies the weights into it and takes it to the device that the context asks for.</summary>
    /// <exception cref="InvalidDataException">The weights are missing or damaged, or not those of the network; their size is looked at before it is made.</exception>
    /// <exception cref="InvalidOperationException">libtorch or the GPU asked for is missing.</exception>
    public static (TNetwork Network, torch.Device Device) LoadNetwork<TNetwork>(IHost host, ModelLoadContext ctx, IModelDefinition<TNetwork> definition)
        where TNetwork : torch.nn.Module
    {
        Check(host, ctx);
        using IChannel channel = host.Start("Loading");
        torch.Device device = TorchDevices.Choose(host, channel);
        TNetwork network = ModelEntries.ReadNetwork(Loader(ctx), definition.WeightBytes, definition.CreateNetwork);
        network.to(device);
        return (network, device);
    }

    /// <summary>Reads one of the further files.</summary>
    /// <exception cref="InvalidDataException">The file is missing or damaged.</exception>
    public static void LoadFile(IHostEnvironment env, ModelLoadContext ctx, string name, Action<Stream> read)
    {
        Check(env, ctx);
        ModelEntries.ReadEntry(Loader(ctx), name, (stream, _) => read(stream));
    }

    /// <summary>Runs the checks of what a file says of its model.</summary>
    /// <exception cref="InvalidDataException">One of them failed.</exception>
    public static void Check(Action check)
    {
        try
        {
            check();
        }
        catch (Exception e) when (e is ArgumentException or OverflowException or NotSupportedException)
        {
            throw new InvalidDataException($"{ModelEntries.Config} of the model is not valid: {e.Message}", e);
        }
    }

    private static void Check(IHostEnvironment env, ModelLoadContext ctx)
    {
        Contracts.CheckValue(env, nameof(env));
        env.CheckValue(ctx, nameof(ctx));
    }

    private static ModelEntries.TryLoad Loader(ModelLoadContext ctx) => (name, read) =>
    {
        bool opened = false;
        try
        {
            return ctx.TryLoadBinaryStream(name, reader =>
            {
                opened = true;
                read(reader.BaseStream);
            });
        }
        catch (InvalidDataException e) when (!opened)
        {
            throw new InvalidDataException($"'{name}' in the model file is damaged: {e.Message}", e);
        }
    };
}
