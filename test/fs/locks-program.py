"""
Record locks (of processes and of open files) and flock(2), in the directory given: between
processes, split, shared, waited for, interrupted, handed over, in a circle. Prints what it saw, the
same on every file system that does its duty. Python, since its fork(2) makes the processes that
locks are about.
"""
import fcntl,os,sys,time,signal,struct,errno
d=sys.argv[1]; f=d+'/locks'
open(f,'w').write('x'*100)
def lk(fd,cmd,typ,start=0,ln=0):
    return fcntl.fcntl(fd,cmd,struct.pack('hhqqi4x',typ,0,start,ln,0))
def get(fd,typ,start=0,ln=0,cmd=fcntl.F_GETLK):
    t,w,s,l,p=struct.unpack('hhqqi4x',lk(fd,cmd,typ,start,ln)); return (t,s,l,p)
R,W,U=fcntl.F_RDLCK,fcntl.F_WRLCK,fcntl.F_UNLCK
def out(*a): print(*a,flush=True)
def waits(pid):
    # Until the process sleeps in fcntl(2): on a file system in user space, for the answer.
    for _ in range(3000):
        wchan=open('/proc/%d/wchan'%pid).read()
        if any(part in wchan for part in ('setlk', 'lock', 'request_wait', 'fuse')): return
        time.sleep(.01)
    raise SystemExit('does not wait: '+wchan)
def child(fn):
    r,w=os.pipe(); p=os.fork()
    if p==0:
        os.close(r)
        try: fn(w)
        except BaseException as e: os.write(w,('E%s'%getattr(e,'errno',e)).encode())
        os._exit(0)
    os.close(w); return p,r
def res(c):
    p,r=c; s=b''
    while True:
        b=os.read(r,100)
        if not b: break
        s+=b
    os.waitpid(p,0); return s.decode()
fd=os.open(f,os.O_RDWR)
lk(fd,fcntl.F_SETLK,W,10,20)
def g(w):
    k=os.open(f,os.O_RDWR); t,s,l,p=get(k,W,0,0)
    os.write(w,('%d %d %d %s'%(t,s,l,p==os.getppid())).encode())
out('getlk',res(child(g)))
lk(fd,fcntl.F_SETLK,U,15,5)
def g2(w):
    k=os.open(f,os.O_RDWR)
    os.write(w,('%r %r %r'%(get(k,W,15,5)[0],get(k,W,0,0)[1:3],get(k,W,20,0)[1:3])).encode())
out('split',res(child(g2)))
lk(fd,fcntl.F_SETLK,R,10,5)
def g3(w):
    k=os.open(f,os.O_RDWR)
    os.write(w,('%r %r'%(get(k,R,10,5)[0],get(k,W,10,5)[0])).encode())
    lk(k,fcntl.F_SETLK,R,10,5); os.write(w,b' shared')
    try: lk(k,fcntl.F_SETLK,W,10,5)
    except OSError as e: os.write(w,b' '+errno.errorcode[e.errno].encode())
out('downgrade',res(child(g3)))
# closing any descriptor drops posix locks
os.close(os.open(f,os.O_RDONLY))
def g4(w):
    k=os.open(f,os.O_RDWR); os.write(w,('%r'%(get(k,W,0,0)[0])).encode())
out('after close of another',res(child(g4)))
# not inherited by fork, kept by exec? blocking + alarm EINTR
lk(fd,fcntl.F_SETLK,W)
def g5(w):
    class T(Exception): pass
    def h(*a): raise T
    signal.signal(signal.SIGALRM,h); signal.setitimer(signal.ITIMER_REAL,0.2)
    k=os.open(f,os.O_RDWR)
    try: lk(k,fcntl.F_SETLKW,W); os.write(w,b'got')
    except T: os.write(w,b'EINTR')
    signal.setitimer(signal.ITIMER_REAL,0)
    try: lk(k,fcntl.F_SETLK,W); os.write(w,b'got')
    except OSError as e: os.write(w,b' '+errno.errorcode[e.errno].encode())
out('interrupted',res(child(g5)))
def g6(w):
    k=os.open(f,os.O_RDWR); lk(k,fcntl.F_SETLKW,W); os.write(w,b'got')
c=child(g6); waits(c[0]); os.kill(c[0],9); out('killed waiting',res(c))
c=child(g6); waits(c[0]); lk(fd,fcntl.F_SETLK,U); out('handover',res(c))
# handover by death
def g7(w):
    k=os.open(f,os.O_RDWR); lk(k,fcntl.F_SETLKW,W); os.write(w,b'x'); time.sleep(60)
c=child(g7); os.read(c[1],1); c2=child(g6); waits(c2[0])
os.kill(c[0],9); out('by death',res(c2)); os.waitpid(c[0],0)
# deadlock
lk(fd,fcntl.F_SETLK,W,0,1)
def g8(w):
    k=os.open(f,os.O_RDWR); lk(k,fcntl.F_SETLK,W,1,1); os.write(w,b'a')
    lk(k,fcntl.F_SETLKW,W,0,1); os.write(w,b'b')
c=child(g8); os.read(c[1],1); waits(c[0])
def h(*a): raise TimeoutError
signal.signal(signal.SIGALRM,h); signal.setitimer(signal.ITIMER_REAL,20)
try: lk(fd,fcntl.F_SETLKW,W,1,1); out('deadlock: got')
except OSError as e: out('deadlock',e.errno and errno.errorcode[e.errno])
except TimeoutError: out('deadlock: waits')
signal.setitimer(signal.ITIMER_REAL,0)
lk(fd,fcntl.F_SETLK,U); out('then',res(c))
# OFD
OSET,OSETW,OGET=37,38,36
a=os.open(f,os.O_RDWR); b=os.open(f,os.O_RDWR)
lk(a,OSET,W,0,10)
try: lk(b,OSET,W,5,1); out('ofd got')
except OSError as e: out('ofd',errno.errorcode[e.errno])
out('ofd get',get(b,W,0,0,OGET)[:3])
try: lk(fd,fcntl.F_SETLK,R,0,1); out('posix over ofd got')
except OSError as e: out('posix over ofd',errno.errorcode[e.errno])
e2=os.dup(a); os.close(a)
try: lk(b,OSET,W,5,1); out('dup keeps: got')
except OSError as e: out('dup keeps',errno.errorcode[e.errno])
os.close(e2)
for i in range(100):
    try: lk(b,OSET,W,5,1); out('ofd freed'); break
    except OSError as e: time.sleep(.02)
# read-only fds
ro=os.open(f,os.O_RDONLY); wo=os.open(f,os.O_WRONLY)
for n,k,t in (('ro W',ro,W),('ro R',ro,R),('wo R',wo,R),('wo W',wo,W)):
    try: lk(k,fcntl.F_SETLK,t,50,1); out(n,'got')
    except OSError as e: out(n,errno.errorcode[e.errno])
os.close(ro); os.close(wo); os.close(b)
# flock: shared, upgrade, dup, fork inherit, interrupted
x=os.open(f,os.O_RDONLY); y=os.open(f,os.O_RDONLY)
fcntl.flock(x,fcntl.LOCK_SH); fcntl.flock(y,fcntl.LOCK_SH)
try: fcntl.flock(x,fcntl.LOCK_EX|fcntl.LOCK_NB); out('upgrade got')
except OSError as e: out('upgrade',errno.errorcode[e.errno])
fcntl.flock(y,fcntl.LOCK_UN); fcntl.flock(x,fcntl.LOCK_EX|fcntl.LOCK_NB); out('upgraded')
def g9(w):
    class T(Exception): pass
    def h(*a): raise T
    signal.signal(signal.SIGALRM,h); signal.setitimer(signal.ITIMER_REAL,0.2)
    k=os.open(f,os.O_RDONLY)
    try: fcntl.flock(k,fcntl.LOCK_EX); os.write(w,b'got')
    except T: os.write(w,b'EINTR')
out('flock interrupted',res(child(g9)))
def g10(w):
    fcntl.flock(x,fcntl.LOCK_EX|fcntl.LOCK_NB); os.write(w,b'inherited ')
    fcntl.flock(x,fcntl.LOCK_UN); os.write(w,b'and dropped')
out('flock fork',res(child(g10)))
try: fcntl.flock(y,fcntl.LOCK_EX|fcntl.LOCK_NB); out('free for all')
except OSError as e: out('flock',errno.errorcode[e.errno])
# many ranges
for i in range(0,100,2): lk(fd,fcntl.F_SETLK,W,i,1)
def g11(w):
    k=os.open(f,os.O_RDWR); n=0
    for i in range(100):
        try: lk(k,fcntl.F_SETLK,W,i,1); n+=1
        except OSError: pass
    os.write(w,str(n).encode())
out('ranges',res(child(g11)))
# negative len, SEEK_END
try: lk(fd,fcntl.F_SETLK,W,5,-5); out('neg ok')
except OSError as e: out('neg',errno.errorcode[e.errno])
try: lk(fd,fcntl.F_SETLK,W,-5,2); out('neg start')
except OSError as e: out('neg start',errno.errorcode[e.errno])
# a file that its mode lets nobody open once more: only the descriptor is there, shared after
# fork(2)
for mode in (0,0o444):
    shut=d+'/shut%o'%mode
    fd=os.open(shut,os.O_RDWR|os.O_CREAT|os.O_EXCL,mode)
    lk(fd,fcntl.F_SETLK,W,10,20)
    def g9(w):
        t,s,l,p=get(fd,W,0,0); os.write(w,('%d %d %d %s'%(t,s,l,p==os.getppid())).encode())
        try: lk(fd,fcntl.F_SETLK,R,15,1)
        except OSError as e: os.write(w,b' '+errno.errorcode[e.errno].encode())
        lk(fd,fcntl.F_SETLK,W,50,5); os.write(w,b' %d'%get(fd,W,50,5)[0])
    out('shut %o'%mode,res(child(g9)))
    out('shut, after the child',get(fd,W,0,0)[0],res(child(g9)))
    lk(fd,fcntl.F_SETLK,R,10,20)
    def g10(w):
        lk(fd,fcntl.F_SETLK,R,0,100); os.write(w,b'shared'); lk(fd,fcntl.F_SETLK,U,15,5)
        os.write(w,('%r'%(get(fd,W,0,0)[1:3],)).encode()); lk(fd,fcntl.F_SETLK,U)
        os.write(w,('%r'%(get(fd,W,0,0)[1:3],)).encode())
    out('shut, shared',res(child(g10)))
    def g11(w):
        try: lk(fd,fcntl.F_SETLK,W,12,1)
        except OSError as e: os.write(w,errno.errorcode[e.errno].encode())
    out('shut, still held',res(child(g11)))
    lk(fd,fcntl.F_SETLK,U); os.close(fd)
# a circle that closes only when a third lock, which is in the way first, goes
late=d+'/late'; open(late,'w').write('x'*100)
fd=os.open(late,os.O_RDWR); lk(fd,fcntl.F_SETLK,W,2,5)
go,ahead=os.pipe(); gone,off=os.pipe()
def g12(w):
    k=os.open(late,os.O_RDWR); lk(k,fcntl.F_SETLK,W,17,5); os.read(go,1); os.write(off,b'x')
    lk(k,fcntl.F_SETLKW,W,2,14); os.write(w,b'had')
def g13(w):
    k=os.open(late,os.O_RDWR); lk(k,fcntl.F_SETLK,W,9,5); os.write(w,b'a')
    lk(k,fcntl.F_SETLKW,W,17,5); os.write(w,b'had')
one=child(g12)
while get(fd,W,17,5)[0]==U: time.sleep(.01)
# Not before it has its first lock: to open the file, it waits for an answer as well.
two=child(g13); os.read(two[1],1); waits(two[0]); os.write(ahead,b'x'); os.read(gone,1)
waits(one[0]); lk(fd,fcntl.F_SETLK,U)
out('late circle',sorted([res(one),res(two)]))
