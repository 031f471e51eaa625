using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Runtime;
using Microsoft.ML.Runtime;
using TorchSharp;

namespace Microsoft.ML.Generative.Serialization;

/// <summary>A model's entries in an ML.NET model file. The transformer's version is the format's version.</summary>
internal static class ModelFile
{
    /// <summary>Writes header, definition, weights and further files; for <c>ICanSaveModel.Save</c>.</summary>
    /// <inheritdoc cref="ModelEntries.Write"/>
    public static void Save<TDefinition>(
        ModelSaveContext ctx, ModelFormat format, TDefinition definition, IReadOnlyList<torch.nn.Module> modules,
        IReadOnlyDictionary<string, Action<Stream>>? extraFiles = null)
        where TDefinition : IModelDefinition<TDefinition>
    {
        Contracts.CheckValue(ctx, nameof(ctx));
        ctx.CheckAtModel();
        ctx.SetVersionInfo(format.Header);
        ModelEntries.Write(
            (name, write) => ctx.SaveBinaryStream(name, writer => write(writer.BaseStream)), format, definition, modules, extraFiles);
    }

    /// <summary>Loads a transformer; all that its loader does.</summary>
    /// <param name="env">The environment.</param>
    /// <param name="ctx">The model.</param>
    /// <param name="format">The kind of model.</param>
    /// <param name="create">Creates the transformer, with the components that it reads.</param>
    /// <exception cref="InvalidDataException">
    /// The model is newer than this version, or an entry is missing, damaged, not of this model or contradicts itself.
    /// </exception>
    /// <exception cref="FormatException">The header is not of this kind of model (thrown by ML.NET).</exception>
    /// <exception cref="InvalidOperationException">libtorch or the GPU asked for is missing.</exception>
    public static TTransformer Load<TDefinition, TTransformer>(
        IHostEnvironment env, ModelLoadContext ctx, ModelFormat format, Func<LoadedModel<TDefinition>, TTransformer> create)
        where TDefinition : IModelDefinition<TDefinition>
    {
        Contracts.CheckValue(env, nameof(env));
        IHost host = env.Register(format.Loader);
        host.CheckValue(ctx, nameof(ctx));
        VersionInfo version = format.Header;
        // ML.NET's own message would advise the user to look for another ML.NET.
        if (ctx.Header.ModelSignature == version.ModelSignature && ctx.Header.ModelVerReadable > version.VerWrittenCur)
            throw ModelEntries.Newer(ctx.Header.ModelVerReadable, version.VerWrittenCur);
        ctx.CheckAtModel(version);
        StoredModel<TDefinition> stored = ModelEntries.Open<TDefinition>(Loader(ctx), format);

        torch.Device device;
        using (IChannel channel = host.Start("Loading"))
            device = TorchDevices.Choose(host, channel);
        var model = new LoadedModel<TDefinition>(host, stored, device);
        try
        {
            return create(model);
        }
        catch
        {
            model.DisposeModules();
            throw;
        }
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
            throw new InvalidDataException($"{ModelEntries.Config} of the model is not valid: {Quoted.Message(e)}", e);
        }
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
            throw new InvalidDataException($"'{name}' in the model file is damaged: {Quoted.Message(e)}", e);
        }
    };
}
