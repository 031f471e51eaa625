using System.Runtime.CompilerServices;
using Microsoft.ML.Generative.Layers;
using Microsoft.ML.Generative.Training;
using TorchSharp;

namespace Microsoft.ML.Generative.Tests;

/// <summary>What every transformer promises of its memory.</summary>
public abstract partial class EstimatorConformity<TTransformer>
{
    /// <summary>Calls what the transformer has beside <see cref="ITransformer"/>, once each.</summary>
    protected virtual void CallAll(TTransformer model)
    {
    }

    [Fact]
    public async Task A_model_disposed_of_while_threads_use_it_lets_their_calls_finish_and_refuses_later_ones()
    {
        const int Threads = 8;
        MLContext ml = new(seed: 1);
        // Short calls, so that many end and begin while the model is disposed of.
        IDataView data = ml.Data.TakeRows(CreateData(ml), 4);
        using var file = new MemoryStream();
        ml.Model.Save(Trained, data.Schema, file);
        for (int round = 0; round < 3; round++)
        {
            file.Position = 0;
            var model = (TTransformer)ml.Model.Load(file, out _);
            using var started = new CountdownEvent(Threads);
            Task[] users = [.. Enumerable.Range(0, Threads).Select(i => Task.Factory.StartNew(
                () => UseUntilDisposed(ml, model, data, i, started),
                CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default))];
            Assert.True(started.Wait(Eventually.Limit));
            model.Dispose();
            await Task.WhenAll(users).WaitAsync(Eventually.Limit);
        }
    }

    [Fact]
    public void A_model_that_nobody_disposes_of_is_collected_with_its_tensors()
    {
        MLContext ml = new(seed: 1);
        IDataView data = CreateData(ml);
        Eventually.Collected(FitAndUse(ml, data));
    }

    private void UseUntilDisposed(MLContext ml, TTransformer model, IDataView data, int number, CountdownEvent started)
    {
        bool isFirst = true;
        while (true)
        {
            try
            {
                // Where nothing else can be called, the schema can.
                model.GetOutputSchema(data.Schema);
                if (number % 2 == 0)
                    Rows.Read(model.Transform(data));
                else if (number % 4 == 1)
                    CallAll(model);
                else
                    ml.Model.Save(model, data.Schema, Stream.Null);
            }
            catch (ObjectDisposedException)
            {
                return;
            }
            finally
            {
                if (isFirst)
                    started.Signal();
                isFirst = false;
            }
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private List<WeakReference> FitAndUse(MLContext ml, IDataView data)
    {
        TTransformer model = CreateEstimator(ml).Fit(data);
        Rows.Read(model.Transform(data));
        CallAll(model);
        torch.nn.Module network = ((IBaseModel)model).Network;
        // Native modules of TorchSharp, and with them their tensors, are only freed where they are disposed of.
        Assert.All(
            network.modules().Where(m => m.parameters(recurse: false).Any()),
            owner => Assert.Equal(typeof(EmbeddingTable).Assembly, owner.GetType().Assembly));
        return [new(model), new(network), .. network.parameters().Select(p => new WeakReference(p))];
    }
}
